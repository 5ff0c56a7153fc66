"""Consumers killed at random: every message is handled, none by two at once.

`make soak` runs it at full size; PORTABLE_SOAK_MESSAGES sets another.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from portable.testing.servers import ServerUnavailable, postgres, skip_or_fail

from .queues import Plan, Report, patient, run

MESSAGES = int(os.environ.get("PORTABLE_SOAK_MESSAGES", "20000"))


def check(report: Report) -> None:
    print(report)
    assert report.errors == []
    assert (report.handled, report.lost) == (report.sent, 0)
    assert report.stuck == 0
    assert report.overlaps == 0
    assert report.kills


def small(plan: Plan) -> Plan:
    """The same in a few seconds."""
    return replace(plan, messages=1000, kill_every=0.6, lease=1.0, work=0.008)


def local(folder: Path) -> Plan:
    return Plan(url=patient(f"sqlite://{folder}/queues.db?name=jobs"), messages=MESSAGES)


def test_sqlite_survives_killed_consumers(tmp_path: Path) -> None:
    check(run(small(local(tmp_path)), tmp_path))


def test_postgres_survives_killed_consumers(tmp_path: Path) -> None:
    _on_postgres(tmp_path, small)


@pytest.mark.soak
def test_sqlite_survives_many_killed_consumers(tmp_path: Path) -> None:
    check(run(local(tmp_path), tmp_path))


@pytest.mark.soak
def test_postgres_survives_many_killed_consumers(tmp_path: Path) -> None:
    _on_postgres(tmp_path)


def _on_postgres(folder: Path, sized: Callable[[Plan], Plan] = replace) -> None:
    try:
        with postgres() as server, pytest.MonkeyPatch.context() as patch:
            for name, value in server.environment.items():
                patch.setenv(name, value)
            plan = Plan(url=patient(server.url("jobs")), messages=MESSAGES)
            check(run(sized(plan), folder))
    except ServerUnavailable as error:
        skip_or_fail(error)
