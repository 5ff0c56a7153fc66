"""Machines, as Jobs and their pods tell of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from portable.compute.driver import ComputeCapabilities
from portable.compute.types import InstanceInfo, InstanceState
from portable_kubernetes.resource import OURS, TAGS, labels_of
from portable_kubernetes.settings import KubernetesSettings, pair

ENDED = ("Succeeded", "Failed")
# https://kubernetes.io/docs/concepts/workloads/controllers/job/#terminal-job-conditions; the last
# two come first, while the pods still end.
FINISHED = ("Complete", "Failed")
FINISHING = ("SuccessCriteriaMet", "FailureTarget")
WORDS_MAX = 300


def capabilities(settings: KubernetesSettings) -> ComputeCapabilities:
    """What pods of this namespace can do."""
    return ComputeCapabilities(
        region=None,
        stops=False,
        spot=settings.spot_label is not None,
        images=True,
        ends="script",
        # A Job's name is free again as soon as it has been deleted.
        idempotent=False,
        boot_max=128 * 1024 - 1,  # Linux's longest argument, MAX_ARG_STRLEN
        # A label of the pods has it, https://kubernetes.io/docs/concepts/workloads/controllers/job/
        name_max=63,
        tags_max=64,  # there is no limit but annotations' 256 KiB
    )


def selector(tags: Mapping[str, str]) -> str:
    """What a listing asks for: all that may have these tags."""
    return ",".join(f"{key}={value}" for key, value in {**OURS, **labels_of(tags)}.items())


def owned(job: Any, pods: Sequence[Any]) -> list[Any]:
    """Those of the pods that are this Job's, and not of an earlier one of its name."""
    return [
        pod
        for pod in pods
        if any(each.uid == job.metadata.uid for each in pod.metadata.owner_references or ())
    ]


def tags_of(job: Any) -> dict[str, str]:
    """The tags that its launch had."""
    try:
        found = json.loads((job.metadata.annotations or {}).get(TAGS, "{}"))
    except ValueError:  # somebody has changed it
        return {}
    return found if isinstance(found, dict) else {}


def described(
    job: Any, pods: Sequence[Any], refusal: str, settings: KubernetesSettings
) -> InstanceInfo:
    """A machine as a Job and its own pods are.

    Args:
        refusal: Why the cluster makes no pod; empty where it does.
    """
    state, raw = _state(job, pods, refusal)
    created = job.metadata.creation_timestamp
    chosen = job.spec.template.spec.node_selector or {}
    spot = pair(settings.spot_label or "")
    return InstanceInfo(
        id=job.metadata.name,
        name=job.metadata.name,
        state=state,
        raw_state=raw[:WORDS_MAX],
        spot=chosen.get(spot[0]) == spot[1] if settings.spot_label else False,
        bills=state != "terminated",
        tags=tags_of(job),
        created=created.astimezone(UTC) if created else None,
    )


def is_finished(job: Any) -> bool:
    """Will it never have a pod again?"""
    return _condition(job, FINISHED) is not None


def _state(job: Any, pods: Sequence[Any], refusal: str) -> tuple[InstanceState, str]:
    alive = [pod for pod in pods if pod.status.phase not in ENDED]
    end = _condition(job, FINISHED)
    if end is not None and not alive:
        return "terminated", ": ".join([_told(end.type, end), *map(_ending, pods[-1:])])
    ending = end or _condition(job, FINISHING)
    if job.metadata.deletion_timestamp is not None or ending is not None:
        return "terminating", _told(ending.type, ending) if ending else "Terminating"
    if not alive:
        if pods:  # the Job itself hasn't noticed yet
            return "terminating", _ending(pods[-1])
        return "pending", f"Pending: {refusal}" if refusal else "Pending"
    pod = alive[-1]
    if pod.metadata.deletion_timestamp is not None:
        return "terminating", "Terminating"
    if pod.status.phase == "Pending":
        return "pending", _waiting(pod)
    return "running", pod.status.phase  # Unknown is one whose node is silent


def _condition(job: Any, kinds: Sequence[str]) -> Any:
    found = (job.status.conditions if job.status else None) or ()
    return next((each for each in found if each.type in kinds and each.status == "True"), None)


def _told(word: str, about: Any) -> str:
    """A word, with the reason and the message that come with it."""
    return ": ".join(filter(None, [word, about.reason, about.message]))


def _waiting(pod: Any) -> str:
    """Why a pod doesn't run yet."""
    for each in pod.status.conditions or ():
        if each.type == "PodScheduled" and each.status == "False":
            return _told("Pending", each)
    for each in pod.status.container_statuses or ():
        if each.state is not None and each.state.waiting is not None:
            return _told("Pending", each.state.waiting)
    return "Pending"


def _ending(pod: Any) -> str:
    """How a pod ended: that it was evicted, or had no memory left, is told here alone."""
    if pod.status.reason:
        return _told(pod.status.phase, pod.status)
    for each in pod.status.container_statuses or ():
        if each.state is not None and each.state.terminated is not None:
            ended = each.state.terminated
            return f"{pod.status.phase}: {ended.reason or 'ended'} (exit code {ended.exit_code})"
    return str(pod.status.phase)
