"""A fake of Droplets, a driver that talks to it, and Spaces' stand-in for jobs."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from portable.compute import shelf
from portable.compute.driver import ComputeDriver, Launch
from portable.compute.needs import Needs
from portable.storage import Bucket
from portable.testing.fakes.droplets import FakeDroplets
from portable.testing.faults import FaultProxy
from portable.testing.servers import (
    S3Server,
    make_bucket,
    required,
    seaweedfs,
)
from portable.testing.targets import droplets, spaces

STAYS = "#!/bin/sh\nwhile :; do sleep 0.1; done\n"
BUCKET = "jobs"


@pytest.fixture
def server() -> Iterator[FakeDroplets]:
    """Answers come in pages of three."""
    with FakeDroplets(page=3) as server:
        yield server


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look and a write take no second on this machine: who wrote last is known sooner."""
    droplets.isolate(monkeypatch, "dop_v1_testing")
    monkeypatch.setattr(shelf, "SETTLE_SECONDS", 0.5)


@pytest.fixture
def driver(server: FakeDroplets) -> Iterator[ComputeDriver]:
    driver = droplets.connect(server)
    yield driver
    driver.close()


@pytest.fixture
def wanted() -> Callable[..., Launch]:
    def make(needs: Needs | None = None, **changes: Any) -> Launch:
        usual: dict[str, Any] = {
            "name": f"pt-{uuid.uuid4().hex[:12]}",
            "token": str(uuid.uuid4()),
            "needs": needs or Needs(),
            "machine": droplets.MACHINE,
            "image": "ubuntu-24.04",
            "boot": STAYS,
            "tags": {"portable": "1"},
            "lifetime": 600.0,
        }
        return Launch(**(usual | changes))

    return make


@pytest.fixture(scope="session")
def spaces_server() -> Iterator[S3Server]:
    """SeaweedFS, which checks signatures."""
    with required(seaweedfs()) as server:
        make_bucket(server, BUCKET)
        yield server


@pytest.fixture
def proxy(spaces_server: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(spaces_server.port) as proxy:
        yield proxy


@pytest.fixture
def storage(
    spaces_server: S3Server, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Bucket]:
    """A folder of its own; conditions aren't trusted, as with Spaces."""
    spaces.isolate(monkeypatch, spaces_server.access_key, spaces_server.secret_key)
    folder = f"jobs-{uuid.uuid4().hex[:12]}"
    return partial(spaces.open_spaces_bucket, BUCKET, folder, endpoint=proxy.endpoint)
