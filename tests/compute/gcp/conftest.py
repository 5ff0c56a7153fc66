"""A fake Compute Engine, and a driver that talks to it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from portable.compute.driver import ComputeDriver, Launch
from portable.compute.needs import Needs
from portable.testing.fakes.gce import FakeGce
from portable.testing.targets.gce import connect
from portable.testing.targets.gcs import isolate

STAYS = "#!/bin/sh\nwhile :; do sleep 0.1; done\n"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch)


@pytest.fixture
def server() -> Iterator[FakeGce]:
    with FakeGce() as server:
        yield server


@pytest.fixture
def driver(server: FakeGce) -> Iterator[ComputeDriver]:
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
            "machine": "e2-small",
            "image": "ubuntu-24.04",
            "boot": STAYS,
            "tags": {"portable": "1"},
            "lifetime": 600.0,
        }
        return Launch(**(usual | changes))

    return make
