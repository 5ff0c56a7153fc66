"""Machines, ours and Azure's."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from portable.compute.driver import ComputeCapabilities, Launch
from portable.compute.types import InstanceInfo, InstanceState
from portable.errors import InstanceNotFound
from portable_azure.compute_images import reference
from portable_azure.compute_settings import AzureVmSettings

USER = "portable"
NOBODY = "nobody"  # the comment of a key that lets nobody in
# The newer of the two that there are for networks inside a machine's request; by itself it would
# make addresses of the kind that is no longer sold.
NETWORK_API = "2022-11-01"
# https://learn.microsoft.com/azure/virtual-machines/states-billing: a machine that its own system
# has switched off is `stopped`, and goes on billing; one that is `deallocated` doesn't.
POWER: Mapping[str, InstanceState] = {
    "starting": "pending",
    "running": "running",
    "stopping": "stopping",
    "deallocating": "stopping",
    "stopped": "stopped",
    "deallocated": "stopped",
}
FAILED = frozenset({"failed", "canceled"})
# https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events. The first question
# may take two minutes; of a machine by itself there are no others' events.
NOTICE: Mapping[str, Any] = {
    "url": "http://169.254.169.254/metadata/scheduledevents?api-version=2020-07-01",
    "headers": {"Metadata": "true"},
    "contains": '"Preempt"',
}


def capabilities(settings: AzureVmSettings) -> ComputeCapabilities:
    """What machines here can do."""
    return ComputeCapabilities(
        region=settings.location,
        stops=True,
        spot=True,
        images=True,
        ends="reap",
        # A name that is taken is found, but one that is gone is free again.
        idempotent=False,
        # https://learn.microsoft.com/azure/virtual-machines/custom-data#can-i-update-custom-data-after-the-vm-has-been-created
        boot_max=65535,
        name_max=64,  # https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
        tags_max=50,  # https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources
        notice=NOTICE,
    )


def resource(wanted: Launch, settings: AzureVmSettings) -> dict[str, Any]:
    """What Azure is asked for, in one request: a machine without an identity.

    Its interface, address and disk are made with it, and deleted with it.
    """
    properties: dict[str, Any] = {
        "hardwareProfile": {"vmSize": wanted.machine},
        "storageProfile": {
            "imageReference": reference(wanted.image, wanted.machine),
            "osDisk": _disk(wanted, settings),
        },
        "osProfile": _system(wanted),
        "networkProfile": {
            "networkApiVersion": NETWORK_API,
            "networkInterfaceConfigurations": [_interface(wanted, settings)],
        },
    }
    if wanted.needs.spot:
        properties |= {
            "priority": "Spot",
            "evictionPolicy": "Delete",
            "billingProfile": {"maxPrice": -1},  # never taken away for its price
        }
    return {"location": settings.location, "tags": dict(wanted.tags), "properties": properties}


def described(group: str, found: Any, address: str = "") -> InstanceInfo:
    """A machine as Azure tells of it; *found* is as in JSON, with its instance view."""
    properties = found["properties"]
    raw = _status(properties)
    kind, _, word = raw.partition("/")
    is_failed = kind == "ProvisioningState" and word.partition("/")[0] in FAILED
    state: InstanceState = POWER.get(word, "running") if kind == "PowerState" else "pending"
    if is_failed:
        state = "stopped"  # nothing runs, and what was made for it is there until it is ended
    elif word == "deleting":
        state = "terminating"
    return InstanceInfo(
        id=f"{group}/{found['name']}",
        name=found["name"],
        state=state,
        raw_state=raw,
        machine=properties["hardwareProfile"]["vmSize"],
        zone=next(iter(found.get("zones") or ()), ""),
        address=address,
        spot=properties.get("priority") == "Spot",
        bills=not (is_failed or raw == "PowerState/deallocated"),
        tags=dict(found.get("tags") or {}),
        created=_moment(properties.get("timeCreated")),
    )


def way_in(found: Any) -> str:
    """The interface of a machine that runs and that somebody may log in to; else empty."""
    properties = found["properties"]
    linux = (properties.get("osProfile") or {}).get("linuxConfiguration") or {}
    keys = [each["keyData"] for each in (linux.get("ssh") or {}).get("publicKeys") or ()]
    is_open = any(not key.endswith(f" {NOBODY}") for key in keys)
    interfaces = (properties.get("networkProfile") or {}).get("networkInterfaces") or ()
    if not (is_open and interfaces and _status(properties) == "PowerState/running"):
        return ""
    return str(interfaces[0]["id"])


def ended(id: str) -> InstanceInfo:
    """A machine that was there, and isn't any more."""
    return InstanceInfo(
        id=id,
        name=place_of(id)[1],
        state="terminated",
        raw_state="ResourceNotFound",
        bills=False,
    )


def failure(found: Any) -> tuple[str, str] | None:
    """The code and words of what went wrong last; `None` where nothing did."""
    for status in _statuses(found["properties"]):
        kind, _, word = status["code"].partition("/")
        outcome, _, code = word.partition("/")
        if kind == "ProvisioningState" and outcome.lower() in FAILED:
            return code or outcome, str(status.get("message") or "no reason given")
    if str(found["properties"].get("provisioningState")).lower() in FAILED:
        return str(found["properties"]["provisioningState"]), "no reason given"
    return None


def is_settled(found: Any) -> bool:
    """Is it known whether there is room for a machine that is made or started?"""
    properties = found["properties"]
    provisioning = str(properties.get("provisioningState")).lower()
    is_running = any(each["code"] == "PowerState/running" for each in _statuses(properties))
    return is_running or provisioning in ("succeeded", *FAILED)


def is_unmade(info: InstanceInfo) -> bool:
    """Is it what is left of a machine that never had a place?"""
    return info.state == "stopped" and info.raw_state.startswith("ProvisioningState/")


def place_of(id: str) -> tuple[str, str]:
    """A machine's group and name.

    Raises:
        InstanceNotFound: no machine here has such an id.
    """
    group, slash, name = id.partition("/")
    if not (group and slash and name) or "/" in name:
        raise InstanceNotFound(f"there is no machine {id!r}: an id here is GROUP/NAME")
    return group, name


def _status(properties: Any) -> str:
    """The one word that says the most, as Azure spells it in an instance view."""
    provisioning = str(properties.get("provisioningState") or "Creating").lower()
    codes = [str(each["code"]) for each in _statuses(properties)]
    power = [code for code in codes if code.startswith("PowerState/")]
    if power and provisioning != "deleting":
        return power[-1]
    told = [code for code in codes if code.startswith(f"ProvisioningState/{provisioning}")]
    return told[-1] if told else f"ProvisioningState/{provisioning}"


def _statuses(properties: Any) -> Iterable[Any]:
    return (properties.get("instanceView") or {}).get("statuses") or ()


def _disk(wanted: Launch, settings: AzureVmSettings) -> dict[str, Any]:
    made: dict[str, Any] = {
        "createOption": "FromImage",
        "deleteOption": "Delete",
        "managedDisk": {"storageAccountType": settings.disk_type},
    }
    if wanted.needs.disk_gib is not None:
        made["diskSizeGB"] = wanted.needs.disk_gib
    return made


def _system(wanted: Launch) -> dict[str, Any]:
    key = {
        "path": f"/home/{USER}/.ssh/authorized_keys",
        "keyData": wanted.ssh_key or _nobodys_key(),
    }
    return {
        "computerName": wanted.name,
        "adminUsername": USER,
        # cloud-init runs it at the first boot: it begins with #!
        "customData": base64.b64encode(wanted.boot.encode()).decode(),
        "linuxConfiguration": {
            "disablePasswordAuthentication": True,
            "ssh": {"publicKeys": [key]},
        },
    }


def _nobodys_key() -> str:
    """A public key whose private half is gone: Azure makes no machine without a way in."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = Ed25519PrivateKey.generate().public_key()
    return f"{public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()} {NOBODY}"


def _interface(wanted: Launch, settings: AzureVmSettings) -> dict[str, Any]:
    address: dict[str, Any] = {"primary": True, "subnet": {"id": settings.subnet_id}}
    if settings.public_address:
        address["publicIPAddressConfiguration"] = {
            "name": f"{wanted.name}-ip",
            "sku": {"name": "Standard", "tier": "Regional"},
            "properties": {"deleteOption": "Delete", "publicIPAllocationMethod": "Static"},
            "tags": dict(wanted.tags),
        }
    return {
        "name": f"{wanted.name}-nic",
        "properties": {
            "primary": True,
            "deleteOption": "Delete",
            "ipConfigurations": [{"name": "ipconfig", "properties": address}],
        },
        "tags": dict(wanted.tags),
    }


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
