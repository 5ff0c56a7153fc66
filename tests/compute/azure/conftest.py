"""A fake Azure Resource Manager, a driver that talks to it, and Azurite for jobs."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from portable.compute.driver import ComputeDriver, Launch
from portable.compute.needs import Needs
from portable.testing.fakes.arm import FakeArm
from portable.testing.faults import FaultProxy
from portable.testing.servers import (
    AzuriteServer,
    azurite,
    make_container,
    required,
)
from portable.testing.targets.arm import MACHINE, connect

CONTAINER = "jobs"
STAYS = "#!/bin/sh\nwhile :; do sleep 0.1; done\n"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def storage() -> Iterator[AzuriteServer]:
    """Azurite, with a container."""
    with required(azurite()) as storage:
        make_container(storage, CONTAINER)
        yield storage


@pytest.fixture(scope="session")
def shared_proxy(storage: AzuriteServer) -> Iterator[FaultProxy]:
    with FaultProxy(storage.port) as proxy:
        yield proxy


@pytest.fixture
def server() -> Iterator[FakeArm]:
    with FakeArm(page=3) as server:
        yield server


@pytest.fixture
def driver(server: FakeArm) -> Iterator[ComputeDriver]:
    driver = connect(server)
    yield driver
    driver.close()


@pytest.fixture
def wanted() -> Callable[..., Launch]:
    def make(needs: Needs | None = None, **changes: Any) -> Launch:
        usual: dict[str, Any] = {
            "name": f"pt-{uuid.uuid4().hex[:12]}",
            "token": str(uuid.uuid4()),
            "needs": needs or Needs(),
            "machine": MACHINE,
            "image": "ubuntu-24.04",
            "boot": STAYS,
            "tags": {"portable": "1"},
            "lifetime": 600.0,
        }
        return Launch(**(usual | changes))

    return make
