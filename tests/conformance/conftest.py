"""Stand-in servers for the conformance suite: one of each kind in each worker that needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import TypeVar

import pytest

from portable.testing.conformance.base import LARGE
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
from portable.testing.targets.spaces import DOMAIN

Server = TypeVar("Server")
OF_KEYS = ("copies", "deletes", "folders", "keys", "listing")  # topics of the suite


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a prefix has no part in tells at the root what it tells below one.

    So large objects, which take most of the time, and all but the first of a case's variants are
    left to `make soak` there, and everywhere in a class that is `sampled`; those of keys and their
    order aren't.
    """
    seen: set[tuple[object, str, object]] = set()
    for item in items:
        given = getattr(item, "callspec", None)
        if not isinstance(item, pytest.Function) or not given:
            continue
        place = given.params.get("raw")
        if place != "" and not getattr(item.cls, "sampled", False):
            continue
        case = (item.parent, item.originalname, place)
        of_keys = item.function.__module__.rpartition(".")[2] in OF_KEYS
        if LARGE in given.params.values() or (case in seen and not of_keys):
            item.add_marker(pytest.mark.soak)
        else:
            seen.add(case)


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
    """SeaweedFS, which knows buckets by the names of Spaces, too."""
    yield from _started(partial(seaweedfs, DOMAIN))


@pytest.fixture(scope="session")
def azurite_server() -> Iterator[AzuriteServer]:
    """Azurite."""
    yield from _started(azurite)
