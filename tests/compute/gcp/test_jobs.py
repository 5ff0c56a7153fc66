"""Jobs on Compute Engine, kept in Google Cloud Storage, both by their fakes; end to end."""

from __future__ import annotations

import io
import json
import math
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portable.compute.compute import Compute
from portable.testing.fakes.gce import FakeGce
from portable.testing.fakes.gcs import FakeGcs
from portable.testing.fakes.machines import Boot
from portable.testing.targets.gce import ZONE, GceJobs

FAST = {"heartbeat": 0.2, "accept": 1.0}


@pytest.fixture
def compute(server: FakeGce, tmp_path: Path) -> Iterator[Compute]:
    with FakeGcs() as storage:
        compute = GceJobs(server, storage, tmp_path).open(**FAST)
        yield compute
        compute.close()


def until(true: Callable[[], object], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_job_leaves_neither_machine_nor_disk(server: FakeGce, compute: Compute) -> None:
    job = compute.submit("echo on $PORTABLE_TASK_INDEX; exit 3")
    result = job.wait(30)
    assert (result.status, result.exit_code) == ("failed", 3)
    assert list(job.logs()) == ["on 0"]
    until(lambda: not server.machines)
    assert server.disks == []


def test_machine_of_a_job_knows_no_secret_but_its_url(server: FakeGce, compute: Compute) -> None:
    """No account, and no value of the environment, which others in the project could read."""
    job = compute.submit("sleep 30", env={"TOKEN": "hush-hush"})
    (machine,) = server.machines
    assert "serviceAccounts" not in machine.asked
    assert "hush-hush" not in str(machine.asked)
    assert len(machine.metadata("startup-script")) < 2048
    assert machine.asked["labels"]["portable-job"] == job.id
    job.cancel()
    assert job.wait(30).status == "cancelled"
    until(lambda: not server.machines)


def test_spot_machine_is_told_where_to_ask(server: FakeGce, compute: Compute) -> None:
    """Whether it will be taken away; others needn't."""
    told = {}
    for spot in (True, False):
        server.host.next(Boot(runs=False))
        job = compute.submit("true", spot=spot)
        archive = compute._connection.bucket.get(f"portable/compute/jobs/{job.id}/0/1/job.pyz")
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            told[spot] = json.loads(files.read("manifest.json")).get("notice")
    assert told[False] is None
    assert told[True]["url"].endswith("/instance/preempted")


def test_job_whose_machine_crashed_runs_again(
    server: FakeGce, compute: Compute, tmp_path: Path
) -> None:
    """What crashed is switched off there, and stays; here it is deleted."""
    first = tmp_path / "first"
    job = compute.submit(f"test -e {first} || {{ touch {first}; sleep 60; }}", retries=1)
    until(first.exists)
    server.crash(ZONE, server.machines[0].name)
    result = job.wait(30)
    assert (result.status, result.attempts) == ("succeeded", 2)
    until(lambda: not server.machines)
    assert server.disks == []


def test_late_refusal_is_why_a_job_is_lost(server: FakeGce, compute: Compute) -> None:
    """One that comes when nobody waits for the launch any longer."""
    server.operations.seconds = math.inf
    server.fail("QUOTA_EXCEEDED")
    job = compute.submit("true")
    (operation,) = server.operations.of(ZONE)
    server.operations.end(operation)
    result = job.wait(30)
    assert result.status == "lost"
    assert "QUOTA_EXCEEDED" in result.detail


def test_google_deletes_what_nobody_ends(server: FakeGce, compute: Compute) -> None:
    """Where the client has vanished, the machine does nothing, and its watchdog doesn't work."""
    server.host.next(Boot(runs=False, poweroff=False))
    compute.submit("true", timeout=60)
    assert [machine.status for machine in server.machines] == ["RUNNING"]
    server.advance(60 + 600 + 60)
    until(lambda: not server.machines)
    assert server.disks == []


def test_switched_off_machine_is_reaped(server: FakeGce, compute: Compute) -> None:
    """Its client has vanished: Compute Engine keeps the disk of what has switched itself off."""
    compute.submit("true")
    until(lambda: [machine.status for machine in server.machines] == ["TERMINATED"])
    compute.reap(dry_run=False)
    until(lambda: not server.machines)
