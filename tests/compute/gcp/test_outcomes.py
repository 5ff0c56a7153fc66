"""What becomes of a job when something goes wrong, on Compute Engine; the table is printed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from portable.compute.compute import Compute
from portable.testing.fakes.gce import FakeGce
from portable.testing.fakes.gcs import FakeGcs
from portable.testing.fakes.machines import Boot
from portable.testing.fakes.rest import RestFault
from portable.testing.targets.gce import ZONE, error, open_gce

EXHAUSTED = "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS"


def nothing(server: FakeGce) -> None:
    """No fault of this kind."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A fault, and how the job has to end.

    Attributes:
        before: Done to the server before the job is submitted.
        during: Done once its first attempt runs.
    """

    before: Callable[[FakeGce], Any] = nothing
    during: Callable[[FakeGce], Any] | None = None
    submit: Mapping[str, Any] = field(default_factory=dict)
    ends: tuple[str, str, int]


def crash(server: FakeGce) -> None:
    server.crash(ZONE, server.machines[0].name)


def delete(server: FakeGce) -> None:
    server.crash(ZONE, server.machines[0].name, deletes=True)


def hang(server: FakeGce) -> None:
    real = server.machines[0].real
    assert real is not None
    real.hang()


CASES: Mapping[str, Case] = {
    "nothing": Case(ends=("succeeded", "exit", 1)),
    "machine crashes": Case(during=crash, submit={"retries": 1}, ends=("succeeded", "exit", 2)),
    "machine crashes, no retries": Case(during=crash, ends=("lost", "lost", 1)),
    "machine is deleted": Case(during=delete, submit={"retries": 1}, ends=("succeeded", "exit", 2)),
    "machine hangs": Case(during=hang, submit={"retries": 1}, ends=("succeeded", "exit", 2)),
    "script never runs": Case(
        before=lambda server: server.host.next(Boot(runs=False)),
        submit={"retries": 1},
        ends=("succeeded", "exit", 2),
    ),
    "clock an hour ahead": Case(
        before=lambda server: server.host.next(Boot(clock=3600)), ends=("succeeded", "exit", 1)
    ),
    "answer of the launch lost": Case(
        before=lambda server: server.add(RestFault(method="POST", path="/instances$", kind="lost")),
        ends=("succeeded", "exit", 1),
    ),
    "launch throttled": Case(
        before=lambda server: server.fail("RESOURCE_OPERATION_RATE_EXCEEDED"),
        ends=("succeeded", "exit", 1),
    ),
    "no room at first": Case(
        before=lambda server: server.fail(EXHAUSTED, status=503), ends=("succeeded", "exit", 1)
    ),
    "server errors": Case(
        before=lambda server: server.add(
            RestFault(path="/compute/", times=2, reply=error("backendError", 503, "Backend Error"))
        ),
        ends=("succeeded", "exit", 1),
    ),
}


@pytest.fixture
def compute(server: FakeGce, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Compute]:
    monkeypatch.setattr("portable.compute.verdicts.SILENT_SECONDS", 1.0)
    with FakeGcs() as storage:
        compute = open_gce(server, storage, tmp_path, heartbeat=0.2, boot=3.0)
        yield compute
        compute.close()


@pytest.mark.parametrize("name", CASES)
def test_outcome(
    server: FakeGce,
    compute: Compute,
    tmp_path: Path,
    name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A known state, and no machine."""
    case, first = CASES[name], tmp_path / "first"
    case.before(server)
    stays = "" if case.during is None else f"test -e {first} || {{ touch {first}; sleep 60; }}; "
    begin = time.monotonic()
    job = compute.submit(f"{stays}true", **case.submit)
    if case.during is not None:
        end = time.monotonic() + 15
        while not first.exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        case.during(server)
    result = job.wait(60)
    seconds = time.monotonic() - begin
    end = time.monotonic() + 15
    while server.machines and time.monotonic() < end:
        time.sleep(0.02)
    told = (result.status, result.reason, result.attempts)
    with capsys.disabled():
        print(
            f"\n{name:28} {told} in {seconds:.1f} s, {len(server.host.machines)} machines", end=""
        )
    assert told == case.ends, result
    assert server.machines == []
    assert server.disks == []
    assert len(server.host.machines) == result.attempts
