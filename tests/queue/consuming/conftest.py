"""A queue by a real clock, and a consumer whose failures aren't waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from portable.queue.consuming import consumer, heartbeat
from tests.queue.faulty import Stage, stage


@pytest.fixture
def on() -> Stage:
    """A queue by a real clock that can be moved, too."""
    return stage(frozen=False)


@pytest.fixture
def lease(monkeypatch: pytest.MonkeyPatch) -> float:
    """A lease that no pause of this machine outlives, renewed ten times a second all the same."""
    monkeypatch.setattr(heartbeat, "BEATS_PER_LEASE", 300)
    return 30.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures aren't waited for."""
    monkeypatch.setattr(consumer, "BACKOFF_SECONDS", 0.0)
    monkeypatch.setattr(consumer, "FIRST_PAUSE_SECONDS", 0.05)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    until = time.monotonic() + 5
    while time.monotonic() < until:
        left = [t.name for t in threading.enumerate() if t.name.startswith("portable-")]
        if not left:
            return
        time.sleep(0.02)
    pytest.fail(f"threads are left: {left}")
