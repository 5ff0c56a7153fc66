"""Consumers of Pub/Sub killed at random: every message is handled, none by two at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from portable.testing.fakes.pubsub import FakePubSub

from . import queues
from .queues import Plan, run

SUBSCRIPTION = "projects/testing/subscriptions/jobs"


def check(folder: Path, **size: float) -> None:
    with FakePubSub() as server, pytest.MonkeyPatch.context() as patch:
        # Pub/Sub counts nothing for its users; its fake does.
        patch.setattr(queues, "_left", lambda _: len(server.held(SUBSCRIPTION)))
        about = "max_attempts=100&lease=10"
        url = f"pubsub://testing/jobs?endpoint={server.endpoint}&{about}"
        report = run(Plan(url=url, **size), folder)  # type: ignore[arg-type]
    print(report)
    assert report.errors == []
    assert (report.handled, report.lost, report.stuck) == (report.sent, 0, 0)
    assert report.overlaps == 0
    assert report.kills


def test_pubsub_survives_killed_consumers(tmp_path: Path) -> None:
    check(tmp_path, messages=800, kill_every=3.0, lease=2.0, work=0.008)


@pytest.mark.soak
def test_pubsub_survives_many_killed_consumers(tmp_path: Path) -> None:
    check(tmp_path, messages=20_000, lease=5.0)
