"""Stand-in servers for the conformance suite: one of each kind in each worker that needs it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, TypeVar

import botocore.compat
import botocore.hooks
import botocore.session
import pytest

from portable.testing.servers import (
    AzuriteServer,
    S3Server,
    ServerUnavailable,
    azurite,
    ministack,
    moto_server,
    seaweedfs,
    skip_or_fail,
)


@pytest.fixture(scope="session", autouse=True)
def _one_copy_of_the_service_models() -> Iterator[None]:
    """A suite makes thousands of clients: each would read a megabyte of JSON, and look up again
    what is the same for all, which is two thirds of the time that making one takes.
    """
    shared = botocore.session.create_loader()
    aliaser_class: Any = botocore.hooks.EventAliaser
    aliased = aliaser_class._alias_event_name
    names: dict[str, str] = {}

    def alias(aliaser: botocore.hooks.EventAliaser, name: str) -> str:
        if name not in names:
            names[name] = aliased(aliaser, name)
        return names[name]

    takes_keywords = cache(botocore.compat.accepts_kwargs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", lambda *_: shared)
        patch.setattr(aliaser_class, "_alias_event_name", alias)
        patch.setattr(
            botocore.hooks,
            "accepts_kwargs",
            lambda handler: takes_keywords(getattr(handler, "__func__", handler)),
        )
        yield


@pytest.fixture(scope="session", autouse=True)
def _fewer_objects_to_look_through() -> Iterator[None]:
    """What is there before the first case stays; a case that collects garbage leaves it alone."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


Server = TypeVar("Server")


def _started(start: Callable[[], AbstractContextManager[Server]]) -> Iterator[Server]:
    try:
        context = start()
        server = context.__enter__()
    except ServerUnavailable as error:
        skip_or_fail(error)
    try:
        yield server
    finally:
        context.__exit__(None, None, None)


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    """moto's server behind the checks that S3 makes."""
    yield from _started(moto_server)


@pytest.fixture(scope="session")
def ministack_server() -> Iterator[S3Server]:
    """ministack."""
    yield from _started(ministack)


@pytest.fixture(scope="session")
def seaweed() -> Iterator[S3Server]:
    """SeaweedFS."""
    yield from _started(seaweedfs)


@pytest.fixture(scope="session")
def azurite_server() -> Iterator[AzuriteServer]:
    """Azurite."""
    yield from _started(azurite)
