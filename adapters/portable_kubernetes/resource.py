"""What Kubernetes is asked for: a Job with one pod, which has no account."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from portable.compute.driver import Launch
from portable.compute.needs import Needs
from portable.errors import InvalidArgument
from portable_kubernetes.models import spellings
from portable_kubernetes.settings import LABEL_KEY, KubernetesSettings, pair

TAGS = "portable/tags"  # annotations, which hold any text
TOKEN = "portable/token"  # noqa: S105
OURS = {"app.kubernetes.io/managed-by": "portable"}
CONTAINER = "job"
# https://kubernetes.io/docs/concepts/containers/images/#image-names
_IMAGE = re.compile(r"[a-z0-9][\w.:/@-]*[:/@][\w.:/@-]*\w")
_LABEL_MAX = 63


def resource(wanted: Launch, settings: KubernetesSettings) -> dict[str, Any]:
    """The Job. It runs once: no pod is ever made a second time.

    Raises:
        InvalidArgument: the image is none of a container, or the GPU can't be asked for.
    """
    labels = {**OURS, **labels_of(wanted.tags)}
    spec: dict[str, Any] = {
        "backoffLimit": 0,
        "completions": 1,
        "parallelism": 1,
        "ttlSecondsAfterFinished": math.ceil(settings.keep),
        "template": {"metadata": {"labels": labels}, "spec": _pod(wanted, settings)},
    }
    if math.isfinite(wanted.lifetime):
        spec["activeDeadlineSeconds"] = max(1, math.ceil(wanted.lifetime))
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": wanted.name,
            "labels": labels,
            "annotations": {TAGS: json.dumps(dict(wanted.tags)), TOKEN: wanted.token},
        },
        "spec": spec,
    }


def labels_of(tags: Mapping[str, str]) -> dict[str, str]:
    """What of tags can be looked for: labels begin and end with a letter or a digit.

    Two values may be one label's. Who looks by labels compares the tags as well.
    """
    return {
        key: value.strip("-_")
        for key, value in tags.items()
        if len(key) <= _LABEL_MAX and LABEL_KEY.fullmatch(key)
    }


def _pod(wanted: Launch, settings: KubernetesSettings) -> dict[str, Any]:
    made: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # The runner isn't process 1 then: that one takes no signal it has no handler for, no
        # SIGKILL from the watchdog either, and would have to reap what others leave behind.
        "shareProcessNamespace": True,
        "containers": [_container(wanted, settings)],
        "tolerations": _tolerations(wanted.needs, settings),
        "nodeSelector": dict(settings.selected),
    }
    if wanted.needs.spot:
        made["nodeSelector"].update([_spot(settings)])
    if wanted.needs.gpu is not None:
        made["affinity"] = {"nodeAffinity": _model(wanted.needs.gpu, settings)}
    if settings.image_pull_secret is not None:
        made["imagePullSecrets"] = [{"name": settings.image_pull_secret}]
    return made


def _container(wanted: Launch, settings: KubernetesSettings) -> dict[str, Any]:
    amounts = _amounts(wanted.needs, settings)
    return {
        "name": CONTAINER,
        "image": _image(wanted.image),
        # $(NAME) would be a variable's value, and $$ one dollar:
        # https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#entrypoint
        "command": ["sh", "-c", wanted.boot.replace("$", "$$")],
        "resources": {"requests": amounts, "limits": amounts},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def _amounts(needs: Needs, settings: KubernetesSettings) -> dict[str, str]:
    """https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/."""
    made = {"cpu": f"{math.ceil(needs.cpus * 1000)}m"}
    if needs.memory_gib is not None:
        made["memory"] = f"{math.ceil(needs.memory_gib * 1024)}Mi"
    if needs.disk_gib is not None:
        made["ephemeral-storage"] = f"{needs.disk_gib}Gi"
    if needs.gpus:
        made[settings.gpu_resource] = str(needs.gpus)
    return made


def _tolerations(needs: Needs, settings: KubernetesSettings) -> list[dict[str, str]]:
    keys = list(settings.tolerated)
    if needs.gpus:
        keys.append(settings.gpu_resource)  # what GPUs' nodes are usually tainted with
    if needs.spot:
        keys.append(_spot(settings)[0])
    return [{"key": key, "operator": "Exists"} for key in dict.fromkeys(keys)]


def _spot(settings: KubernetesSettings) -> tuple[str, str]:
    if settings.spot_label is None:
        raise InvalidArgument(
            "which nodes are spot ones isn't known: set 'spot_label', such as "
            '"cloud.google.com/gke-spot=true"'
        )
    return pair(settings.spot_label)


def _model(gpu: str, settings: KubernetesSettings) -> dict[str, Any]:
    if settings.gpu_label is None:
        raise InvalidArgument(
            f"which nodes have a {gpu} isn't known: set 'gpu_label' to the label that has the "
            f"model, such as \"nvidia.com/gpu.product\", or leave 'gpu' out and say 'gpus'"
        )
    wanted = {"key": settings.gpu_label, "operator": "In", "values": spellings(gpu)}
    terms = [{"matchExpressions": [wanted]}]
    return {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}


def _image(image: str) -> str:
    if not _IMAGE.fullmatch(image):
        raise InvalidArgument(
            f"{image!r} isn't a container's image with its tag or digest, such as "
            f"'python:3.12-slim' or 'ghcr.io/acme/train:7'; machines' images are none"
        )
    return image
