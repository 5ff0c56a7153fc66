"""Needs as Ray's resources, and its jobs as machines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from portable.compute.gpus import parse
from portable.compute.needs import Needs
from portable.compute.types import InstanceInfo, InstanceState
from portable.errors import Unavailable, Unsupported

GIB = 1024**3
# Any amount above 0 asks for a node that has it.
# https://docs.ray.io/en/latest/ray-core/accelerator-types.html
SOME = 0.001
NAME = "portable.name"  # beside the tags, none of which can be called so
STATES: Mapping[str, InstanceState] = {
    "PENDING": "pending",
    "RUNNING": "running",
    "STOPPED": "terminated",
    "SUCCEEDED": "terminated",
    "FAILED": "terminated",
}


def resources(needs: Needs) -> dict[str, Any]:
    """What `ray.remote` calls them, and the Jobs API with ``entrypoint_`` before each.

    Raises:
        Unsupported: it is something that Ray doesn't count.
    """
    if needs.disk_gib is not None:
        raise Unsupported("Ray doesn't count disks; leave 'disk_gib' out")
    found: dict[str, Any] = {"num_cpus": needs.cpus}
    if needs.gpus:
        found["num_gpus"] = needs.gpus
    if needs.memory_gib is not None:
        found["memory"] = int(needs.memory_gib * GIB)
    if needs.gpu is not None:
        found["resources"] = {f"accelerator_type:{_model(needs.gpu)}": SOME}
    return found


def machine_of(said: Mapping[str, Any], *, asked_to_end: bool) -> InstanceInfo:
    """A job as the Jobs API tells of it.

    Args:
        asked_to_end: It was stopped, and Ray may not have done it yet.
    """
    try:
        status = said["status"]
        state = STATES[status]
        begun = said["start_time"]
        id = said["submission_id"]
    except KeyError as error:
        raise Unavailable(f"the cluster tells of a job without {error}, or a new kind") from error
    if asked_to_end and state != "terminated":
        state = "terminating"
    tags = dict(said.get("metadata") or {})
    return InstanceInfo(
        id=id,
        name=tags.pop(NAME, id),
        state=state,
        raw_state=status,
        bills=state != "terminated",
        tags=tags,
        created=datetime.fromtimestamp(begun / 1000, UTC) if begun else None,
    )


def _model(gpu: str) -> str:
    """Ray's name of it: nodes are labelled with the model, and two A100 with their memory, too."""
    model, memory = parse(gpu)
    return f"A100-{memory}G" if model == "A100" and memory else model
