"""Runners with each kind of storage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from portable.testing.faults import FaultProxy
from tests.compute.runner.attempts import Attempt, Folder, Signed, ended
from tests.compute.runner.objects import Objects, Server


@pytest.fixture(scope="module")
def server() -> Iterator[Objects]:
    with Server() as objects:
        yield objects


@pytest.fixture
def objects(server: Objects) -> Objects:
    """Empty ones."""
    server.content.clear()
    server.types.clear()
    return server


@pytest.fixture(scope="module")
def shared_proxy(server: Objects) -> Iterator[FaultProxy]:
    with FaultProxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def proxy(shared_proxy: FaultProxy) -> FaultProxy:
    shared_proxy.clear()
    return shared_proxy


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Attempt]:
    """An attempt with storage in a folder."""
    with ended(Attempt(Folder(tmp_path / "store" / "0" / "1"), tmp_path / "machine")) as attempt:
        yield attempt


@pytest.fixture
def signed(tmp_path: Path, objects: Objects, proxy: FaultProxy) -> Iterator[Attempt]:
    """An attempt with signed URLs, by way of the proxy."""
    with ended(Attempt(Signed(objects, proxy.port), tmp_path / "machine")) as attempt:
        yield attempt


@pytest.fixture(params=["folder", "signed"])
def attempt(request: pytest.FixtureRequest) -> Attempt:
    """With each of them."""
    found: Attempt = request.getfixturevalue(request.param)
    return found
