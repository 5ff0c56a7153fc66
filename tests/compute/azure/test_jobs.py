"""Jobs on Azure's machines, kept on Azurite; end to end."""

from __future__ import annotations

import io
import json
import math
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator

import pytest

from portable.compute.compute import Compute
from portable.testing.fakes.arm import FakeArm
from portable.testing.fakes.arm.server import GROUP
from portable.testing.fakes.machines import Boot
from portable.testing.servers import AzuriteServer
from portable.testing.targets.arm import open_arm_compute
from tests.compute.azure.conftest import CONTAINER


@pytest.fixture
def compute(
    server: FakeArm, storage: AzuriteServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Compute]:
    monkeypatch.setenv("AZURE_STORAGE_KEY", storage.key)
    folder = f"jobs-{uuid.uuid4().hex[:12]}"
    compute = open_arm_compute(
        server, CONTAINER, folder, storage.endpoint, heartbeat=0.2, accept=1.0
    )
    yield compute
    compute.close()


def until(true: Callable[[], object], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_job_leaves_neither_machine_nor_parts(server: FakeArm, compute: Compute) -> None:
    job = compute.submit("echo on $PORTABLE_TASK_INDEX; exit 3")
    result = job.wait(30)
    assert (result.status, result.exit_code) == ("failed", 3)
    assert list(job.logs()) == ["on 0"]
    until(lambda: not server.machines)
    assert server.parts == []


def test_machine_of_a_job_knows_no_secret_but_its_url(server: FakeArm, compute: Compute) -> None:
    """No identity, and no value of the environment, which others in the group could read."""
    job = compute.submit("sleep 30", env={"TOKEN": "hush-hush"})
    (machine,) = server.machines
    assert "identity" not in machine.asked
    assert "hush-hush" not in f"{machine.asked}{machine.script}"
    assert len(machine.script) < 2048
    assert machine.asked["tags"]["portable-job"] == job.id
    job.cancel()
    assert job.wait(30).status == "cancelled"
    until(lambda: not server.machines)


def test_signed_puts_say_what_kind_of_blob_they_make(server: FakeArm, compute: Compute) -> None:
    """And spot machines alone are told where to ask whether they will be taken away."""
    told = {}
    for spot in (True, False):
        server.host.next(Boot(runs=False))
        job = compute.submit("true", spot=spot)
        archive = compute._connection.bucket.get(f"portable/compute/jobs/{job.id}/0/1/job.pyz")
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            told[spot] = json.loads(files.read("manifest.json"))
    headers = told[True]["store"]["signed"]["exit"]["headers"]
    assert {name.lower() for name in headers} >= {"x-ms-blob-type"}
    assert told[False].get("notice") is None
    assert told[True]["notice"]["contains"] == '"Preempt"'


def test_late_refusal_is_why_a_job_is_lost(server: FakeArm, compute: Compute) -> None:
    """One that comes when nobody waits for the launch any longer; what is left is deleted."""
    server.operations.seconds = math.inf
    server.fail("AllocationFailed")
    job = compute.submit("true")
    (operation,) = server.operations.all
    server.operations.seconds = 0.03
    server.operations.end(operation)
    result = job.wait(30)
    assert result.status == "lost"
    assert "AllocationFailed" in result.detail
    until(lambda: not server.parts)


def test_next_size_is_tried_where_there_is_no_room(server: FakeArm, compute: Compute) -> None:
    """Under the same name, which is free once the first is deleted."""
    server.fail("AllocationFailed")
    result = compute.submit("true").wait(30)
    assert (result.status, result.attempts) == ("succeeded", 1)
    sizes = [each.asked["properties"]["hardwareProfile"]["vmSize"] for each in server.state.ever]
    assert len(set(sizes)) == 2
    assert len({each.name for each in server.state.ever}) == 1
    until(lambda: not server.parts)


def test_switched_off_machine_is_reaped(server: FakeArm, compute: Compute) -> None:
    """Its client has vanished: what has switched itself off costs until it is deleted."""
    compute.submit("true")
    until(lambda: [machine.power for machine in server.machines] == ["stopped"])
    assert server.machines[0].bills
    compute.reap(dry_run=False)
    until(lambda: not server.machines)
    assert server.parts == []


def test_machine_that_does_nothing_is_reaped_at_its_deadline(
    server: FakeArm, compute: Compute
) -> None:
    """Azure keeps none: where its watchdog doesn't work, only `reap` ends it."""
    server.host.next(Boot(runs=False, poweroff=False))
    compute.submit("true", timeout=60)
    assert compute.reap() == []
    (machine,) = server.machines
    machine.asked["tags"]["portable-deadline"] = str(int(time.time()) - 1)
    assert [each.id for each in compute.reap()] == [f"{GROUP}/{machine.name}"]
    compute.reap(dry_run=False)
    until(lambda: not server.machines)
    assert server.parts == []
