"""Jobs on a fake cluster, kept in moto's S3; end to end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from portable import open_compute
from portable.compute.compute import Compute
from portable.testing.fakes.kubernetes import FakeKubernetes
from portable.testing.fakes.machines import Boot
from portable.testing.faults import FaultProxy
from portable.testing.targets import kubernetes


@pytest.fixture
def compute(server: FakeKubernetes, proxy: FaultProxy) -> Iterator[Compute]:
    storage = kubernetes.s3_storage(proxy.endpoint)
    compute = kubernetes.open_kubernetes(server, storage, heartbeat=0.2)
    yield compute
    compute.close()


def until(true: Callable[[], object], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_job_leaves_nothing_in_the_cluster(server: FakeKubernetes, compute: Compute) -> None:
    job = compute.submit("echo on $PORTABLE_TASK_INDEX; exit 3")
    result = job.wait(30)
    assert (result.status, result.exit_code) == ("failed", 3)
    assert list(job.logs()) == ["on 0"]
    until(lambda: not server.jobs)
    assert server.pods == []


def test_cluster_knows_no_secret_but_the_url(server: FakeKubernetes, compute: Compute) -> None:
    """No account, and no value of the environment, which others of the namespace could read."""
    job = compute.submit("sleep 30", env={"TOKEN": "hush-hush"})
    (made,) = server.jobs
    assert "hush-hush" not in str(made.asked)
    assert made.spec["template"]["spec"]["automountServiceAccountToken"] is False
    assert made.asked["metadata"]["labels"]["portable-job"] == job.id
    job.cancel()
    assert job.wait(30).status == "cancelled"
    until(lambda: not server.jobs)


def test_cluster_ends_what_nobody_ends(server: FakeKubernetes, compute: Compute) -> None:
    """Where the client has vanished and the pod does nothing; later it forgets the Job, too."""
    server.host.next(Boot(runs=False))
    compute.submit("true", timeout=60)
    until(lambda: server.pods)
    server.advance(60 + 600 + 60)
    until(lambda: [job.end for job in server.jobs] == ["Failed"])
    assert not any(machine.is_on for machine in server.host.machines)
    server.advance(3601)
    assert server.jobs == []


def test_evicted_job_runs_again(server: FakeKubernetes, compute: Compute) -> None:
    """The cluster makes no second pod; the core makes a second Job, and says what became of one."""
    server.host.next(Boot(runs=False))
    job = compute.submit("echo attempt $PORTABLE_ATTEMPT", retries=1)
    until(lambda: server.pods)
    server.kill(server.jobs[0].name, "Evicted")
    result = job.wait(30)
    assert (result.status, result.attempts) == ("succeeded", 2)
    assert list(job.logs()) == ["attempt 2"]
    until(lambda: not server.jobs)


def test_image_of_a_machine_is_no_job(server: FakeKubernetes, compute: Compute) -> None:
    with pytest.raises(ValueError, match=r"python:3\.12-slim"):
        compute.submit("true", image="ubuntu-24.04")
    assert server.jobs == []


def test_url_opens_a_cluster(server: FakeKubernetes) -> None:
    place = open_compute(f"k8s:///default?endpoint={server.endpoint}")
    place._connection.driver.terminate("nothing")
    assert server.requests[-1].path.endswith("/namespaces/default/jobs/nothing")
    place.close()
