"""What is Kubernetes' own: Jobs that wait, are evicted, expire; its words as errors."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from portable.compute.driver import ComputeDriver, Launch
from portable.compute.types import InstanceInfo
from portable.errors import (
    AlreadyExists,
    EndpointRefused,
    InvalidArgument,
    PermissionDenied,
    PortableError,
    QuotaExceeded,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from portable.testing.fakes.kubernetes import FakeKubernetes
from portable.testing.fakes.kubernetes.wording import status
from portable.testing.fakes.rest import Reply, RestFault
from portable.testing.targets.kubernetes import connect, refusal
from portable_kubernetes.compute import KubernetesJobs
from portable_kubernetes.settings import KubernetesSettings

Wanted = Callable[..., Launch]


def reaches(driver: ComputeDriver, id: str, *states: str) -> InstanceInfo:
    end = time.monotonic() + 10
    while (found := driver.get(id)) is None or found.state not in states:
        assert time.monotonic() < end, found
        time.sleep(0.02)
    return found


def test_second_launch_finds_the_first_ones_job(
    server: FakeKubernetes, driver: ComputeDriver, wanted: Wanted
) -> None:
    """Through another driver, too."""
    launch = wanted()
    assert driver.launch(launch).id == launch.name
    other = connect(server)
    assert other.launch(launch).id == launch.name
    other.close()
    assert len(server.jobs) == 1


def test_job_of_somebody_elses_launch_is_no_machine(driver: ComputeDriver, wanted: Wanted) -> None:
    launch = wanted(name="taken")
    driver.launch(launch)
    with pytest.raises(AlreadyExists, match="already exists"):
        driver.launch(wanted(name="taken"))


def test_job_that_finds_no_node_says_why(
    server: FakeKubernetes, driver: ComputeDriver, wanted: Wanted
) -> None:
    server.fill("0/3 nodes are available: 3 Insufficient nvidia.com/gpu.")
    id = driver.launch(wanted()).id
    end = time.monotonic() + 10
    while "Insufficient" not in (told := reaches(driver, id, "pending")).raw_state:
        assert time.monotonic() < end
    assert told.raw_state == (
        "Pending: Unschedulable: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    )
    server.fill("")
    assert reaches(driver, id, "running")


def test_job_whose_pod_a_quota_refuses_says_why(
    server: FakeKubernetes, driver: ComputeDriver, wanted: Wanted
) -> None:
    """The Job itself was taken; only its events tell."""
    server.limit('pods "pt-1" is forbidden: exceeded quota: team, requested: cpu=1')
    launch = wanted()
    driver.launch(launch)
    end = time.monotonic() + 10
    while "exceeded quota" not in (told := reaches(driver, launch.name, "pending")).raw_state:
        assert time.monotonic() < end
    assert told.raw_state.startswith("Pending: FailedCreate: Error creating: ")
    assert list(driver.list(launch.tags)) == [told]
    server.limit("")
    assert reaches(driver, launch.name, "running")


def test_cluster_ends_a_job_at_its_deadline(
    server: FakeKubernetes, driver: ComputeDriver, wanted: Wanted
) -> None:
    id = driver.launch(wanted(lifetime=60.0)).id
    reaches(driver, id, "running")
    server.advance(59)
    assert reaches(driver, id, "running")
    server.advance(2)
    assert "DeadlineExceeded" in reaches(driver, id, "terminated").raw_state
    assert not any(real.is_on for real in server.real(id))


def test_finished_job_is_kept_for_a_while(
    server: FakeKubernetes, driver: ComputeDriver, wanted: Wanted
) -> None:
    launch = wanted(boot="#!/bin/sh\nexit 3\n")
    id = driver.launch(launch).id
    assert reaches(driver, id, "terminated").raw_state.endswith("Error (exit code 3)")
    assert driver.launch(launch).state == "terminated"
    server.advance(3601)
    assert server.jobs == []
    other = connect(server)
    assert other.get(id) is None
    other.close()


def test_evicted_pod_ends_the_machine_and_says_why(
    server: FakeKubernetes, driver: ComputeDriver, wanted: Wanted
) -> None:
    """No second pod is made: it would run beside another attempt."""
    id = driver.launch(wanted()).id
    reaches(driver, id, "running")
    server.kill(id, "Evicted")
    told = reaches(driver, id, "terminated")
    assert "Evicted: The node was low on resource: memory." in told.raw_state
    assert len(server.real(id)) == 1


def test_pod_whose_node_goes_has_its_time(
    server: FakeKubernetes, driver: ComputeDriver, wanted: Wanted
) -> None:
    id = driver.launch(wanted(boot="#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.1; done\n")).id
    reaches(driver, id, "running")
    time.sleep(0.2)
    server.evict(id, 0.5)
    assert reaches(driver, id, "terminating").bills
    assert "BackoffLimitExceeded" in reaches(driver, id, "terminated").raw_state
    assert len(server.real(id)) == 1


def test_job_stays_until_its_pod_is_gone(
    server: FakeKubernetes, driver: ComputeDriver, wanted: Wanted
) -> None:
    """Else it would be taken for gone while it runs."""
    id = driver.launch(wanted(boot="#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.1; done\n")).id
    reaches(driver, id, "running")
    time.sleep(0.2)
    driver.terminate(id)
    assert reaches(driver, id, "terminating")
    assert any(real.is_on for real in server.real(id))
    reaches(driver, id, "terminated")
    assert not any(real.is_on for real in server.real(id))


def test_pods_of_an_earlier_job_of_its_name_arent_its_own(
    server: FakeKubernetes, driver: ComputeDriver, wanted: Wanted
) -> None:
    """Somebody deleted that one in the background, so that its pod outlives it."""
    launch = wanted(boot="#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.1; done\n")
    driver.launch(launch)
    reaches(driver, launch.name, "running")
    time.sleep(0.2)
    client: Any = import_module("kubernetes.client")
    batch = client.BatchV1Api(driver.native)
    batch.delete_namespaced_job(launch.name, "default", propagation_policy="Background")
    server.limit("exceeded quota: team")
    driver.launch(launch)
    assert len(server.pods) == 1
    assert reaches(driver, launch.name, "pending", "running", "terminating").state == "pending"


def test_machine_that_was_seen_and_isnt_there_has_ended(
    driver: ComputeDriver, wanted: Wanted
) -> None:
    """A cluster knows at once what it has made, so nothing has to be waited for."""
    id = driver.launch(wanted()).id
    driver.terminate(id)
    told = reaches(driver, id, "terminated")
    assert (told.raw_state, told.bills) == ("NotFound", False)


def test_tags_that_no_label_can_be_come_back(driver: ComputeDriver, wanted: Wanted) -> None:
    """A label ends with a letter or a digit; who looks for one doesn't find the other."""
    tags = {"portable": "1", "portable-owner": "_ana-", "-odd": "x"}
    id = driver.launch(wanted(tags=tags)).id
    assert [each.id for each in driver.list({"portable-owner": "_ana-"})] == [id]
    assert [each.id for each in driver.list({"-odd": "x"})] == [id]
    assert list(driver.list({"portable-owner": "ana"})) == []
    assert [dict(each.tags) for each in driver.list(tags)] == [tags]


def test_jobs_of_others_arent_machines(server: FakeKubernetes, driver: ComputeDriver) -> None:
    client: Any = import_module("kubernetes.client")
    pod = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a", "command": ["sh"]}]}
    body: Any = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "backup", "labels": {"portable": "1"}},
        "spec": {"template": {"spec": pod}},
    }
    client.BatchV1Api(driver.native).create_namespaced_job("default", body)
    assert [job.name for job in server.jobs] == ["backup"]
    assert list(driver.list({"portable": "1"})) == []
    assert list(driver.list({})) == []


@pytest.mark.parametrize(
    ("reply", "kind", "says"),
    [
        (status(400, "BadRequest", "unknown field"), InvalidArgument, "unknown field"),
        (status(401, "Unauthorized", "Unauthorized"), Unauthenticated, "kubectl"),
        (refusal("denied"), PermissionDenied, 'User "ana" cannot create .* Role'),
        (refusal("quota"), QuotaExceeded, r"used: count/jobs.batch=8"),
        (status(404, "NotFound", 'namespaces "x" not found'), InvalidArgument, "namespaces"),
        (status(409, "Conflict", "the object has been modified"), Unavailable, "modified"),
        (status(422, "Invalid", "Job.batch is invalid: spec"), InvalidArgument, "spec"),
        (refusal("throttled"), Throttled, "too many requests"),
        (refusal("broken"), Unavailable, "no leader"),
        (status(504, "Timeout", "request did not complete"), Unavailable, "complete"),
        (Reply({"no": "status"}, 403), PermissionDenied, "403"),
        (Reply(None, 302, {"Location": "http://127.0.0.1:1/"}), EndpointRefused, "redirect"),
        (Reply(["no", "job"], 200), Unavailable, "isn't Kubernetes'"),
    ],
    ids=lambda value: value.status if isinstance(value, Reply) else None,
)
def test_refusal_is_an_error_of_its_own(
    server: FakeKubernetes,
    driver: ComputeDriver,
    wanted: Wanted,
    reply: Reply,
    kind: type[PortableError],
    says: str,
) -> None:
    """Each request is sent once, whatever comes: who sends it again is the core."""
    server.add(RestFault(method="POST", reply=reply, times=None))
    with pytest.raises(kind, match=f"(?s){says}") as caught:
        driver.launch(wanted())
    assert type(caught.value) is kind
    assert caught.value.ambiguous == (reply.status in (200, 500, 504))
    assert caught.value.retry_after == (1.0 if kind is Throttled else None)
    assert len(server.requests) == 1


def test_cluster_that_isnt_there_was_sent_nothing(wanted: Wanted) -> None:
    driver = KubernetesJobs(KubernetesSettings(endpoint="http://127.0.0.1:1"))
    with pytest.raises(Unavailable, match="nothing was sent") as caught:
        driver.launch(wanted())
    assert not caught.value.ambiguous
    driver.close()


def test_namespace_that_there_isnt_is_named(server: FakeKubernetes, wanted: Wanted) -> None:
    driver = connect(server, namespace="nowhere")
    with pytest.raises(InvalidArgument, match='namespaces "nowhere" not found'):
        driver.launch(wanted())
    driver.close()


def kubeconfig(folder: Path, server: str) -> Path:
    path = folder / "config"
    cluster = {"name": "c", "cluster": {"server": server}}
    user = {"name": "u", "user": {"token": "hush-hush"}}
    contexts = [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in ("one", "two")]
    parts = {"clusters": [cluster], "users": [user], "contexts": contexts}
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **parts}))
    return path


def test_credentials_are_the_kubeconfigs(server: FakeKubernetes, tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, server.endpoint)
    settings = KubernetesSettings(kubeconfig=str(path), context="two")
    driver = KubernetesJobs(settings)
    assert driver.get("nothing") is None
    assert server.requests[-1].headers["authorization"] == "Bearer hush-hush"
    assert "hush" not in repr(settings)
    driver.close()


def test_context_that_there_isnt_is_named(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, "http://127.0.0.1:1")
    driver = KubernetesJobs(KubernetesSettings(kubeconfig=str(path), context="three"))
    with pytest.raises(Unauthenticated, match="three"):
        driver.get("nothing")


@pytest.mark.parametrize("text", ["{", "[]", ""])
def test_file_that_is_no_kubeconfig_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(Unauthenticated):
        KubernetesJobs(KubernetesSettings(kubeconfig=str(path))).get("nothing")


def test_pod_without_an_account_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(Unauthenticated, match="no credentials"):
        KubernetesJobs(KubernetesSettings()).get("nothing")
