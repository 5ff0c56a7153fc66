"""A fake Pub/Sub, and drivers without the core around them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from portable.testing.fakes.pubsub import FakePubSub
from portable.testing.targets.pubsub import isolate
from portable_gcp.queue import PubSubQueue
from portable_gcp.queue_settings import PubSubSettings

from .support import Open


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch)


@pytest.fixture
def server() -> Iterator[FakePubSub]:
    with FakePubSub() as server:
        yield server


@pytest.fixture
def open_driver(server: FakePubSub) -> Iterator[Open]:
    opened: list[PubSubQueue] = []

    def open_it(**settings: Any) -> PubSubQueue:
        about = {"name": "jobs", "project": "testing", "endpoint": server.endpoint, **settings}
        opened.append(PubSubQueue(PubSubSettings(**about), now=server.clock))
        return opened[-1]

    yield open_it
    for driver in opened:
        driver.close()


@pytest.fixture
def driver(open_driver: Open) -> PubSubQueue:
    """With its queue."""
    driver = open_driver()
    driver.create()
    return driver
