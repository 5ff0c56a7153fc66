"""Stand-in servers for the conformance suite: one of each kind in each worker that needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import botocore.session
import pytest

from portable.testing.servers import (
    S3Server,
    ServerUnavailable,
    ministack,
    moto_server,
    seaweedfs,
    skip_or_fail,
)


@pytest.fixture(scope="session", autouse=True)
def _one_copy_of_the_service_models() -> Iterator[None]:
    """A suite makes thousands of clients, and each one would read a megabyte of JSON."""
    shared = botocore.session.create_loader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", lambda *_: shared)
        yield


def _started(start: Callable[[], AbstractContextManager[S3Server]]) -> Iterator[S3Server]:
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
