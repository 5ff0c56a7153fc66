"""What Compute Engine refuses of a new machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from portable.testing.fakes.gce.offered import (
    DISK_TYPES,
    FAMILIES,
    accelerator_types,
    has_gpus,
    machine_types,
)
from portable.testing.fakes.gce.wording import invalid, not_found, refused

Resource = Mapping[str, Any]

_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"[a-z][-a-z0-9_]{0,62}")
_LABEL_VALUE = re.compile(r"[-a-z0-9_]{0,63}")
_FAMILY = re.compile(r".*projects/([^/]+)/global/images/family/([^/]+)")
_NEEDS_HYPERDISK = ("c4", "g4", "n4")
VALUE_BYTES, ALL_BYTES = 256 * 1024, 512 * 1024
LABELS = 64
RUN_MIN, RUN_MAX = 30, 120 * 86400


def check(zone: str, resource: Resource) -> None:
    """Refuse a resource that can't be."""
    name = resource.get("name", "")
    if not _NAME.fullmatch(name):
        raise invalid("resource.name", name, "Must be a match of regex '[a-z]([-a-z0-9]{0,61}...'")
    machine = _last(resource.get("machineType", ""))
    if machine not in machine_types(zone):
        words = f"Machine type with name '{machine}' does not exist in zone '{zone}'."
        raise invalid("resource.machineType", resource.get("machineType"), words)
    _check_labels(resource.get("labels", {}))
    _check_metadata(resource.get("metadata", {}))
    _check_scheduling(resource.get("scheduling", {}))
    _check_accelerators(zone, machine, resource)
    _check_disks(machine, resource.get("disks", []))
    _check_network(resource.get("networkInterfaces", []))


def _check_labels(labels: Mapping[str, str]) -> None:
    if len(labels) > LABELS:
        raise invalid("resource.labels", len(labels), "Too many labels.")
    for key, value in labels.items():
        if not _LABEL.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise invalid("resource.labels", f"{key}={value}", "Label is not valid.")


def _check_metadata(metadata: Resource) -> None:
    sizes = [len(item["value"].encode()) for item in metadata.get("items", [])]
    if any(size > VALUE_BYTES for size in sizes) or sum(sizes) > ALL_BYTES:
        raise invalid("resource.metadata", "", "The metadata is too long.")


def _check_scheduling(scheduling: Resource) -> None:
    spot = scheduling.get("provisioningModel") == "SPOT"
    limited = "maxRunDuration" in scheduling
    if spot and scheduling.get("automaticRestart", False):
        raise _bad("Spot instances do not support automatic restart.")
    if spot and scheduling.get("onHostMaintenance") == "MIGRATE":
        raise _bad("Spot instances do not support live migration.")
    if "instanceTerminationAction" in scheduling:
        if "provisioningModel" not in scheduling:
            raise _bad("Instance termination action needs a provisioning model.")
        if not spot and not limited:
            raise _bad("Instance termination action needs a Spot instance or a time limit.")
    elif limited:
        raise _bad("A time limit needs an instance termination action.")
    if limited and not RUN_MIN <= int(scheduling["maxRunDuration"]["seconds"]) <= RUN_MAX:
        raise invalid("resource.scheduling.maxRunDuration", scheduling["maxRunDuration"])


def _check_accelerators(zone: str, machine: str, resource: Resource) -> None:
    accelerators = resource.get("guestAccelerators", [])
    for each in accelerators:
        name = _last(each["acceleratorType"])
        if name not in accelerator_types(zone):
            words = f"Accelerator type with name '{name}' does not exist in zone '{zone}'."
            raise invalid("resource.guestAccelerators[0].acceleratorType", name, words)
        if not machine.startswith("n1-"):
            raise _bad(f"[{name}] features are not compatible with [instanceType={machine}].")
        if not 1 <= each.get("acceleratorCount", 0) <= 8:
            raise _bad("Number of accelerator cards attached to an instance must be 1, 2, 4 or 8.")
    moves = resource.get("scheduling", {}).get("onHostMaintenance", "MIGRATE") == "MIGRATE"
    if moves and (accelerators or has_gpus(zone, machine)):
        raise _bad("Instances with guest accelerators do not support live migration.")


def _check_disks(machine: str, disks: list[Resource]) -> None:
    if [disk for disk in disks if disk.get("boot")] != disks[:1] or not disks:
        raise invalid("resource.disks", "", "Boot disk must be specified.")
    made = disks[0].get("initializeParams", {})
    kind = _last(made.get("diskType", "pd-standard"))
    if kind not in DISK_TYPES:
        raise invalid("resource.disks[0].initializeParams.diskType", kind)
    if kind.startswith("pd-") and machine.startswith(_NEEDS_HYPERDISK):
        raise _bad(f"[{kind}] features are not compatible for creating instance.")
    image = made.get("sourceImage", "")
    family = _FAMILY.fullmatch(image)
    if family is None or (family[1], family[2]) not in FAMILIES:
        raise not_found(image)


def _check_network(interfaces: list[Resource]) -> None:
    if not interfaces:
        raise invalid("resource.networkInterfaces", "", "At least one is needed.")
    network = interfaces[0].get("network", "global/networks/default")
    if _last(network) != "default" and "subnetwork" not in interfaces[0]:
        raise not_found(f"projects/testing/global/networks/{_last(network)}")


def _bad(words: str) -> Exception:
    return refused(400, "invalid", words)


def _last(url: str) -> str:
    return url.rpartition("/")[2]
