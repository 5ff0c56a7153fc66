"""Machines, ours and Compute Engine's."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from portable.compute.driver import ComputeCapabilities, Launch
from portable.compute.types import InstanceInfo, InstanceState
from portable.errors import InstanceNotFound, InvalidArgument
from portable.spelling import did_you_mean, listed
from portable_gcp.compute_settings import GceSettings

# Families by plain name: for x86 and for Arm, where there is one. Ubuntu's are Canonical's own,
# https://documentation.ubuntu.com/gcp/google-how-to/gce/find-ubuntu-images; the other one is
# https://docs.cloud.google.com/deep-learning-vm/docs/images, supported until August 2028.
IMAGES: Mapping[str, tuple[str, str]] = {
    "ubuntu-24.04": (
        "ubuntu-os-cloud/global/images/family/ubuntu-2404-lts-amd64",
        "ubuntu-os-cloud/global/images/family/ubuntu-2404-lts-arm64",
    ),
    "ubuntu-22.04": (
        "ubuntu-os-cloud/global/images/family/ubuntu-2204-lts",
        "ubuntu-os-cloud/global/images/family/ubuntu-2204-lts-arm64",
    ),
    "deep-learning": (
        "deeplearning-platform-release/global/images/family/common-cu129-ubuntu-2404-nvidia-580",
        "",
    ),
}
# https://cloud.google.com/compute/docs/instances/arm-on-compute
_ARM = re.compile(r"(t2a|c4a|n4a|a4x)-")
# They take no other boot disk: https://cloud.google.com/compute/docs/disks/hyperdisks
_HYPERDISK = re.compile(r"(a3-ultragpu|a4x?|c4[ad]?|g4|h4d|m4|n4[ad]?|x4)-")
# These have their GPUs by themselves, and can't be moved while they run.
_GPU = re.compile(r"(a2|a3|a4x?|g2|g4)-")
# https://cloud.google.com/compute/docs/instances/limit-vm-runtime
LIFETIME_MIN = 30

# https://cloud.google.com/compute/docs/instances/instance-lifecycle. A terminated machine is
# only switched off here; one that is repaired is on its way back by itself.
STATES: Mapping[str, InstanceState] = {
    "PENDING": "pending",
    "PROVISIONING": "pending",
    "STAGING": "pending",
    "RUNNING": "running",
    "REPAIRING": "running",
    "PENDING_STOP": "stopping",
    "STOPPING": "stopping",
    "SUSPENDING": "stopping",
    "STOPPED": "stopped",
    "SUSPENDED": "stopped",
    "TERMINATED": "stopped",
    "DEPROVISIONING": "terminating",
}
# https://cloud.google.com/compute/docs/instances/create-use-spot#detect-preemption
NOTICE: Mapping[str, Any] = {
    "url": "http://metadata.google.internal/computeMetadata/v1/instance/preempted",
    "headers": {"Metadata-Flavor": "Google"},
    "contains": "TRUE",
}
PREEMPTED = "compute.instances.preempted"
FREE = frozenset({"STOPPED", "TERMINATED"})  # a suspended one pays for its memory


class NotHere(InvalidArgument):
    """A zone has no such type of machine or of accelerator; it never leaves the driver."""


def capabilities(settings: GceSettings) -> ComputeCapabilities:
    """What machines here can do."""
    return ComputeCapabilities(
        region=settings.place,
        stops=True,
        spot=True,
        images=True,
        ends="deadline",
        idempotent=True,
        # https://cloud.google.com/compute/docs/metadata/setting-custom-metadata#limitations
        boot_max=256 * 1024,
        name_max=63,  # https://cloud.google.com/compute/docs/naming-resources
        tags_max=64,  # https://cloud.google.com/compute/docs/labeling-resources
        notice=NOTICE,
    )


def resource(wanted: Launch, zone: str, settings: GceSettings) -> dict[str, Any]:
    """What Compute Engine is asked for: a machine without an account, that ends by itself."""
    made: dict[str, Any] = {
        "name": wanted.name,
        "machine_type": f"zones/{zone}/machineTypes/{wanted.machine}",
        "labels": dict(wanted.tags),
        "metadata": {"items": _metadata(wanted)},
        "scheduling": _scheduling(wanted),
        "disks": [_disk(wanted, zone, settings)],
        "network_interfaces": [_interface(zone, settings)],
    }
    if wanted.accelerator:
        kind = f"zones/{zone}/acceleratorTypes/{wanted.accelerator}"
        made["guest_accelerators"] = [
            {"accelerator_type": kind, "accelerator_count": wanted.needs.gpus}
        ]
    return made


def described(found: Any) -> InstanceInfo:
    """A machine as Compute Engine tells of it."""
    zone, raw = _last(found.zone), found.status
    return InstanceInfo(
        id=f"{zone}/{found.name}",
        name=found.name,
        # A word that isn't known yet is of a machine that is there, and may cost.
        state=STATES.get(raw, "running"),
        raw_state=raw,
        machine=_last(found.machine_type),
        zone=zone,
        address=_address(found),
        spot=found.scheduling.provisioning_model == "SPOT",
        bills=raw not in FREE,
        tags=dict(found.labels),
        created=_moment(found.creation_timestamp),
    )


def ended(zone: str, name: str, operations: Iterable[Any]) -> InstanceInfo | None:
    """A machine that isn't there, by what was done with it last; `None` where it may come yet."""
    last = max(operations, key=lambda each: each.insert_time, default=None)
    failures = [each.code for each in last.error.errors] if last is not None else []
    if last is None or (last.operation_type == "insert" and not failures):
        return None
    return InstanceInfo(
        id=f"{zone}/{name}",
        name=name,
        state="terminated",
        raw_state=failures[0] if failures else last.operation_type,
        zone=zone,
        bills=False,
    )


def is_deletion(found: Any, operations: Iterable[Any]) -> bool:
    """Is a machine that shuts down being deleted, and not only stopped?"""
    kinds = {each.operation_type for each in operations}
    taken = found.scheduling.instance_termination_action == "DELETE" and PREEMPTED in kinds
    return "delete" in kinds or taken


def taken_on(wanted: Launch, zone: str, operation: Any, state: InstanceState) -> InstanceInfo:
    """A machine that wasn't looked at, as its operation tells of it."""
    return InstanceInfo(
        id=f"{zone}/{wanted.name}",
        name=wanted.name,
        state=state,
        raw_state=f"insert {operation.status.name}",
        machine=wanted.machine,
        zone=zone,
        spot=wanted.needs.spot,
        bills=state != "terminated",
        tags=dict(wanted.tags),
        created=_moment(operation.insert_time),
    )


def place_of(id: str) -> tuple[str, str]:
    """A machine's zone and name.

    Raises:
        InstanceNotFound: no machine here has such an id.
    """
    zone, slash, name = id.partition("/")
    if not (zone and slash and name) or "/" in name:
        raise InstanceNotFound(f"there is no machine {id!r}: an id here is ZONE/NAME")
    return zone, name


def labelled(tags: Mapping[str, str]) -> str:
    """The filter of a listing: https://cloud.google.com/compute/docs/labeling-resources."""
    return " ".join(f'(labels.{name} = "{value}")' for name, value in sorted(tags.items()))


def _metadata(wanted: Launch) -> list[dict[str, str]]:
    items = {
        # Runs at every boot: https://cloud.google.com/compute/docs/instances/startup-scripts
        "startup-script": wanted.boot,
        # Who may log in is the launch's to say, not the project's.
        "block-project-ssh-keys": "TRUE",
    }
    if wanted.ssh_key:
        items["ssh-keys"] = f"portable:{wanted.ssh_key}"
    return [{"key": key, "value": value} for key, value in items.items()]


def _scheduling(wanted: Launch) -> dict[str, Any]:
    fixed = wanted.needs.spot or wanted.accelerator or _GPU.match(wanted.machine)
    made: dict[str, Any] = {
        "provisioning_model": "SPOT" if wanted.needs.spot else "STANDARD",
        "on_host_maintenance": "TERMINATE" if fixed else "MIGRATE",
        "automatic_restart": False,  # whoever waits for it sees that it ended
        "instance_termination_action": "DELETE",
    }
    if math.isfinite(wanted.lifetime):
        seconds = max(LIFETIME_MIN, math.ceil(wanted.lifetime))
        made["max_run_duration"] = {"seconds": seconds}
    elif not wanted.needs.spot:
        del made["instance_termination_action"]  # refused where nothing terminates it
    return made


def _disk(wanted: Launch, zone: str, settings: GceSettings) -> dict[str, Any]:
    usual = "hyperdisk-balanced" if _HYPERDISK.match(wanted.machine) else "pd-balanced"
    made: dict[str, Any] = {
        "source_image": _image(wanted),
        "disk_type": f"zones/{zone}/diskTypes/{settings.disk_type or usual}",
        "labels": dict(wanted.tags),
    }
    if wanted.needs.disk_gib is not None:
        made["disk_size_gb"] = wanted.needs.disk_gib
    return {"boot": True, "auto_delete": True, "initialize_params": made}


def _image(wanted: Launch) -> str:
    if "/" in wanted.image:  # an image or a family as Compute Engine writes it, or a URL
        return wanted.image
    if wanted.image not in IMAGES:
        raise InvalidArgument(
            f"there is no image {wanted.image!r}{did_you_mean(wanted.image, IMAGES)}: name one of "
            f"{listed(IMAGES)}, or write projects/PROJECT/global/images/family/FAMILY"
        )
    usual, arm = IMAGES[wanted.image]
    chosen = arm if _ARM.match(wanted.machine) else usual
    if not chosen:
        raise InvalidArgument(
            f"there is no image {wanted.image!r} for Arm, which {wanted.machine!r} is"
        )
    return f"projects/{chosen}"


def _interface(zone: str, settings: GceSettings) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if settings.subnetwork is not None:
        region = zone.rpartition("-")[0]
        named = f"regions/{region}/subnetworks/{settings.subnetwork}"
        made["subnetwork"] = settings.subnetwork if "/" in settings.subnetwork else named
    if settings.subnetwork is None or settings.network != "default":
        named = f"global/networks/{settings.network}"
        made["network"] = settings.network if "/" in settings.network else named
    if settings.public_address:
        made["access_configs"] = [{"name": "External NAT", "type_": "ONE_TO_ONE_NAT"}]
    return made


def _address(found: Any) -> str:
    for interface in found.network_interfaces:
        for access in interface.access_configs:
            if access.nat_i_p:
                return str(access.nat_i_p)
    return ""


def _moment(text: str) -> datetime | None:
    """RFC 3339, in the zone of Google's head office."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _last(url: str) -> str:
    return url.rpartition("/")[2]
