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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Large objects below a prefix tell what they tell at the root, too, and take most of the time."""
    for item in items:
        given = getattr(item, "callspec", None)
        if given and given.params.get("raw") == "" and LARGE in given.params.values():
            item.add_marker(pytest.mark.soak)


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
