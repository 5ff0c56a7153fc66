"""The fake cluster, asked by the official client itself."""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

import pytest

from portable.testing.fakes.kubernetes import FakeKubernetes
from portable.testing.fakes.kubernetes.rules import expanded

client: Any = import_module("kubernetes.client")
ApiException = client.ApiException


@pytest.fixture
def api(server: FakeKubernetes) -> Any:
    configuration = client.Configuration(host=server.endpoint)
    configuration.proxy = None
    return client.ApiClient(configuration)


def job(name: str = "one", *, metadata: Any = None, pod: Any = None, **spec: Any) -> Any:
    container = {"name": "a", "image": "a:1", "command": ["sh", "-c", "echo hello; exit 3"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, **(metadata or {})},
        "spec": {
            "backoffLimit": 0,
            "template": {
                "spec": {"restartPolicy": "Never", "containers": [container | (pod or {})]}
            },
            **spec,
        },
    }


def test_pod_runs_its_command_and_has_a_log(server: FakeKubernetes, api: Any) -> None:
    batch, core = client.BatchV1Api(api), client.CoreV1Api(api)
    batch.create_namespaced_job("default", job())
    end = time.monotonic() + 10
    while not batch.read_namespaced_job("one", "default").status.failed:
        assert time.monotonic() < end
        time.sleep(0.02)
    (pod,) = core.list_namespaced_pod("default", label_selector="job-name=one").items
    assert pod.status.phase == "Failed"
    assert pod.status.container_statuses[0].state.terminated.exit_code == 3
    assert core.read_namespaced_pod_log(pod.metadata.name, "default") == "hello\n"
    types = [each.type for each in batch.read_namespaced_job("one", "default").status.conditions]
    assert types == ["FailureTarget", "Failed"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (job("A_b"), "metadata.name"),
        (job(metadata={"labels": {"a": "_b"}}), "metadata.labels"),
        (job(metadata={"labels": {"-a": "b"}}), "metadata.labels"),
        (job(metadata={"labels": {"a": "b" * 64}}), "metadata.labels"),
        (job(metadata={"annotations": {"a": "b" * 300_000}}), "metadata.annotations"),
        (job(activeDeadlineSeconds=-1), "activeDeadlineSeconds"),
        (job(pod={"image": ""}), "image"),
        (job(pod={"resources": {"limits": {"cpu": "lots"}}}), "quantities"),
        (job(pod={"resources": {"requests": {"nvidia.com/gpu": "1"}}}), "limit"),
    ],
)
def test_job_that_cant_be_is_refused(api: Any, wrong: Any, says: str) -> None:
    with pytest.raises(ApiException, match=f"(?s){says}") as caught:
        client.BatchV1Api(api).create_namespaced_job("default", wrong)
    assert caught.value.status == 422


def test_listing_comes_in_pages(api: Any) -> None:
    batch = client.BatchV1Api(api)
    for n in range(4):
        batch.create_namespaced_job("default", job(f"n{n}"))
    first = batch.list_namespaced_job("default", limit=3)
    rest = batch.list_namespaced_job("default", _continue=first.metadata.var_continue)
    assert [each.metadata.name for each in [*first.items, *rest.items]] == ["n0", "n1", "n2", "n3"]
    assert not rest.metadata.var_continue
    with pytest.raises(ApiException) as caught:
        batch.list_namespaced_job("default", _continue="old")
    assert caught.value.status == 410


def test_name_is_taken_while_its_job_is_there(api: Any) -> None:
    batch = client.BatchV1Api(api)
    batch.create_namespaced_job("default", job())
    with pytest.raises(ApiException) as caught:
        batch.create_namespaced_job("default", job())
    assert caught.value.status == 409


@pytest.mark.parametrize(
    ("text", "seen"),
    [("$$", "$"), ("$(A)", "1"), ("$(B)", "$(B)"), ("$$(A)", "$(A)"), ("$A", "$A"), ("$(", "$(")],
)
def test_words_of_a_command_are_expanded(text: str, seen: str) -> None:
    assert expanded(text, {"A": "1"}) == seen
