"""Consumers of SQS and Azure's queues killed at random: every message is handled."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from portable.testing.servers import (
    S3Server,
    azurite,
    fauxqs,
    moto_server,
    required,
)
from portable.testing.targets import azure, s3

from .queues import Plan, Report, patient, run

SMALL = {"messages": 300, "kill_every": 2.0, "lease": 2.0, "work": 0.02}
LARGE = {"messages": 1000, "kill_every": 2.0, "lease": 4.0, "work": 0.02}
SIZES = [SMALL, pytest.param(LARGE, marks=pytest.mark.soak)]


def check(report: Report) -> None:
    print(report)
    assert report.errors == []
    assert (report.handled, report.lost, report.stuck) == (report.sent, 0, 0)
    assert report.overlaps == 0
    assert report.kills


@pytest.mark.parametrize("size", SIZES, ids=["small", "large"])
@pytest.mark.parametrize(
    ("start", "nacked"),
    # At moto, whose late nack hands back what somebody else holds, nothing is.
    [(moto_server, 0.0), (fauxqs, 0.02)],
    ids=["moto", "fauxqs"],
)
def test_sqs_survives_killed_consumers(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    start: Callable[[], AbstractContextManager[S3Server]],
    nacked: float,
    size: dict[str, float],
) -> None:
    s3.isolate(monkeypatch)
    with required(start()) as server:
        url = patient(f"sqs://jobs?region=us-east-1&endpoint={server.endpoint}")
        check(run(Plan(url=url, nacked=nacked, **size), tmp_path))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", SIZES, ids=["small", "large"])
def test_azure_survives_killed_consumers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: dict[str, float]
) -> None:
    with required(azurite()) as server:
        azure.isolate(monkeypatch, server)
        url = patient(f"azurequeue://jobs?endpoint={server.queue_endpoint}")
        check(run(Plan(url=url, **size), tmp_path))  # type: ignore[arg-type]
