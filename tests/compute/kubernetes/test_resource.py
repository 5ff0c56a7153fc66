"""What a cluster is asked for, and what can be configured of it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portable import discovery
from portable.compute import gpus
from portable.compute.boot import boot_script
from portable.compute.driver import Launch
from portable.compute.needs import Needs
from portable.errors import InvalidArgument, MissingDependency
from portable.testing.fakes.kubernetes.rules import expanded
from portable.testing.targets.kubernetes import SPOT
from portable_kubernetes import ADAPTER
from portable_kubernetes.models import spellings
from portable_kubernetes.resource import resource
from portable_kubernetes.settings import KubernetesSettings

Wanted = Callable[..., Launch]


def asked(wanted: Launch, **settings: Any) -> dict[str, Any]:
    return resource(wanted, KubernetesSettings(**settings))


def pod(wanted: Launch, **settings: Any) -> dict[str, Any]:
    found: dict[str, Any] = asked(wanted, **settings)["spec"]["template"]["spec"]
    return found


def test_job_runs_once_and_ends_by_itself(wanted: Wanted) -> None:
    launch = wanted(lifetime=60.5)
    made = asked(launch, keep=120.0)
    spec = {name: value for name, value in made["spec"].items() if name != "template"}
    assert spec == {
        "backoffLimit": 0,
        "completions": 1,
        "parallelism": 1,
        "activeDeadlineSeconds": 61,
        "ttlSecondsAfterFinished": 120,
    }
    assert made["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert made["metadata"]["labels"]["portable"] == "1"
    assert json.loads(made["metadata"]["annotations"]["portable/tags"]) == launch.tags


def test_job_without_a_deadline_has_none(wanted: Wanted) -> None:
    assert "activeDeadlineSeconds" not in asked(wanted(lifetime=math.inf))["spec"]


def test_pod_has_no_credentials(wanted: Wanted) -> None:
    made = pod(wanted())
    assert made["automountServiceAccountToken"] is False
    assert made["enableServiceLinks"] is False
    assert "serviceAccountName" not in made


def test_needs_are_requests_and_limits(wanted: Wanted) -> None:
    needs = Needs(cpus=0.25, memory_gib=1.5, disk_gib=20, gpus=2)
    (container,) = pod(wanted(needs))["containers"]
    amounts = {
        "cpu": "250m",
        "memory": "1536Mi",
        "ephemeral-storage": "20Gi",
        "nvidia.com/gpu": "2",
    }
    assert container["resources"] == {"requests": amounts, "limits": amounts}
    (container,) = pod(wanted())["containers"]
    assert container["resources"]["limits"] == {"cpu": "1000m"}


def test_pod_sees_the_script_as_it_is(wanted: Wanted) -> None:
    """Kubernetes would take $$ for one dollar, and $(date) for a variable."""
    script = boot_script(
        archive="https://s/j.pyz?X-Sig=a$b", is_path=False, python="python3", lifetime=60,
        machine=False,
    )  # fmt: skip
    assert "$$" in script
    assert "$(" in script
    for boot in (script, "$", "$$", "$$$(PATH) $(", "$(A)$((n+1))"):
        (container,) = pod(wanted(boot=boot))["containers"]
        assert [expanded(each, {"PATH": "/"}) for each in container["command"]] == [
            "sh",
            "-c",
            boot,
        ]


def test_gpu_is_a_model_of_the_nodes(wanted: Wanted) -> None:
    made = pod(wanted(Needs(gpu="T4")), gpu_label="cloud.google.com/gke-accelerator")
    node = made["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    (expression,) = node["nodeSelectorTerms"][0]["matchExpressions"]
    assert expression["key"] == "cloud.google.com/gke-accelerator"
    assert {"t4", "nvidia-tesla-t4", "Tesla-T4"} <= set(expression["values"])
    assert {"key": "nvidia.com/gpu", "operator": "Exists"} in made["tolerations"]
    with pytest.raises(InvalidArgument, match="'gpu_label'"):
        pod(wanted(Needs(gpu="T4")))
    assert "affinity" not in pod(wanted(Needs(gpus=1)))


@pytest.mark.parametrize("model", gpus.MODELS)
def test_spelling_means_that_gpu(model: str) -> None:
    for each in spellings(model):
        assert gpus.parse(each)[0] == model
    for size in gpus.MODELS[model]:
        found = {gpus.parse(each) for each in spellings(f"{model}-{size}GB")}
        assert {(model, size)} <= found <= {(model, size), (model, None)}


def test_gpu_of_one_memory_needs_not_name_it() -> None:
    assert set(spellings("T4")) == set(spellings("T4-16GB"))
    assert set(spellings("A100")) > set(spellings("A100-80GB"))
    assert "a100" not in spellings("A100-80GB")
    assert len(set(spellings("H100"))) == len(spellings("H100"))


def test_spot_pod_goes_to_spot_nodes(wanted: Wanted) -> None:
    made = pod(wanted(Needs(spot=True)), spot_label=SPOT, node_selector="pool=train")
    assert made["nodeSelector"] == {"pool": "train", "cloud.google.com/gke-spot": "true"}
    assert made["tolerations"] == [{"key": "cloud.google.com/gke-spot", "operator": "Exists"}]
    with pytest.raises(InvalidArgument, match="'spot_label'"):
        pod(wanted(Needs(spot=True)))
    assert pod(wanted(), spot_label=SPOT)["nodeSelector"] == {}


def test_settings_reach_the_pod(wanted: Wanted) -> None:
    made = pod(wanted(), image_pull_secret="registry", tolerations="sku, team/x")
    assert made["imagePullSecrets"] == [{"name": "registry"}]
    assert [each["key"] for each in made["tolerations"]] == ["sku", "team/x"]


@pytest.mark.parametrize(
    "image", ["python:3.12-slim", "ghcr.io/acme/train:7", "a@sha256:0f", "a/b"]
)
def test_images_of_containers_are_taken(wanted: Wanted, image: str) -> None:
    assert pod(wanted(image=image))["containers"][0]["image"] == image


@pytest.mark.parametrize("image", ["ubuntu-24.04", "deep-learning", "", "a b:1", "python:"])
def test_images_of_machines_are_refused(wanted: Wanted, image: str) -> None:
    with pytest.raises(InvalidArgument, match=r"python:3\.12-slim"):
        pod(wanted(image=image))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"namespace": "A_b"}, "'namespace' 'A_b' isn't"),
        ({"node_selector": "pool"}, "'node_selector': 'pool' isn't a label"),
        ({"node_selector": "a=b,=c"}, "'node_selector': '=c' isn't a label"),
        ({"spot_label": "spot"}, "'spot_label': 'spot' isn't a label"),
        ({"tolerations": "a,b=c"}, "'tolerations': 'b=c' isn't a name"),
        ({"gpu_label": "a b"}, "'gpu_label': 'a b' isn't a name"),
        ({"gpu_resource": ""}, "'gpu_resource': '' isn't a name"),
        ({"keep": -1.0}, "'keep'"),
        ({"read_timeout": 0.0}, "'read_timeout'"),
        ({"endpoint": "http://example.com"}, "plain http"),
        ({"endpoint": "https://example.com", "context": "a"}, "exclude each other"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, Any], says: str) -> None:
    (problem,) = KubernetesSettings(**settings).problems()
    assert says in problem


@pytest.mark.parametrize(
    ("url", "context"), [("k8s://gke_acme_us_ml/jobs", "gke_acme_us_ml"), ("k8s:///jobs", None)]
)
def test_url_is_a_context_and_a_namespace(url: str, context: str | None) -> None:
    settings = KubernetesSettings(context=context, namespace="jobs")
    assert settings.url == url
    assert settings.problems() == []


OPENS = """
import sys
from portable.discovery import connect_compute
from portable_kubernetes import ADAPTER
from portable_kubernetes.settings import KubernetesSettings
driver = connect_compute(ADAPTER, KubernetesSettings(kubeconfig="/nowhere"))
assert driver.capabilities.region is None
driver.close()
assert "kubernetes" not in sys.modules
"""


def test_sdk_isnt_imported_before_the_first_request(tmp_path: Path) -> None:
    """And no kubeconfig is read."""
    run = subprocess.run(
        [sys.executable, "-c", OPENS], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_missing_sdk_is_told_when_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"portable-cloud\[kubernetes\]"):
        discovery.connect_compute(ADAPTER, KubernetesSettings())


def test_what_a_cluster_hasnt_is_told_with_what_to_do() -> None:
    assert "s3://" in ADAPTER.lacks("storage")
    assert "postgres" in ADAPTER.lacks("queue")
