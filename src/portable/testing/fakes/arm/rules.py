"""What Azure refuses of a new machine."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from portable.compute.catalogue.data import catalogue
from portable.testing.fakes.arm.wording import invalid, refused

Resource = Mapping[str, Any]

IMAGES = frozenset(
    {
        ("Canonical", "ubuntu-22_04-lts", "server"),
        ("Canonical", "ubuntu-22_04-lts", "server-arm64"),
        ("Canonical", "ubuntu-22_04-lts", "server-gen1"),
        ("Canonical", "ubuntu-24_04-lts", "server"),
        ("Canonical", "ubuntu-24_04-lts", "server-arm64"),
        ("Canonical", "ubuntu-24_04-lts", "server-gen1"),
        ("microsoft-dsvm", "ubuntu-hpc", "2204"),
    }
)
DISKS = frozenset({"Premium_LRS", "StandardSSD_LRS", "Standard_LRS"})
NETWORK_APIS = frozenset({"2020-11-01", "2022-11-01"})
CUSTOM_DATA_BYTES = 65535
TAGS, TAG_NAME, TAG_VALUE = 50, 512, 256
_NAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9._-]{0,62}[a-zA-Z0-9_])?")
_KEY = re.compile(r"(ssh-rsa|ssh-ed25519) [A-Za-z0-9+/]+=*( .*)?", re.DOTALL)


@cache
def sizes(location: str) -> Mapping[str, int]:
    """The catalogue's sizes there, with their processors."""
    return {
        each.machine: int(each.cpus)
        for each in catalogue().offers
        if (each.provider, each.region) == ("azure", location)
    }


def check(name: str, asked: Resource, subnets: frozenset[str]) -> None:
    """Refuse a machine that can't be."""
    if not _NAME.fullmatch(name):
        raise refused(400, "InvalidResourceName", f"Resource name {name} is invalid.")
    location, properties = asked.get("location", ""), asked.get("properties", {})
    if not sizes(location):
        words = f"The provided location '{location}' is not available for resource type"
        raise refused(400, "LocationNotAvailableForResourceType", words)
    size = properties.get("hardwareProfile", {}).get("vmSize", "")
    if size not in sizes(location):
        known = ",".join(sizes(location))
        raise invalid(
            f"The value {size} provided for the VM size is not valid. The valid sizes in the "
            f"current region are: {known}. Find out more on the valid VM sizes in each region at "
            f"https://aka.ms/azure-regions."
        )
    _check_tags(asked.get("tags", {}))
    _check_storage(properties.get("storageProfile", {}))
    _check_system(properties.get("osProfile", {}))
    _check_network(properties.get("networkProfile", {}), subnets)
    _check_spot(properties)


def _check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > TAGS:
        raise refused(400, "InvalidTags", f"A resource has at most {TAGS} tags.")
    if any(len(name) > TAG_NAME or len(value) > TAG_VALUE for name, value in tags.items()):
        raise refused(400, "InvalidTagValueLength", "Tag value too large.")


def _check_storage(storage: Resource) -> None:
    image, disk = storage.get("imageReference", {}), storage.get("osDisk", {})
    if "id" not in image:
        named = (image.get("publisher"), image.get("offer"), image.get("sku"))
        if named not in IMAGES or "version" not in image:
            words = f"The platform image '{':'.join(map(str, named))}:latest' is not available."
            raise refused(404, "PlatformImageNotFound", words)
    if disk.get("createOption") != "FromImage":
        raise invalid("Required parameter 'osDisk.createOption' is missing (null).")
    if disk.get("managedDisk", {}).get("storageAccountType", "Standard_LRS") not in DISKS:
        raise invalid("The value of parameter storageAccountType is invalid.")
    if not 30 <= disk.get("diskSizeGB", 30) <= 4095:
        words = "The specified disk size is smaller than the size of the corresponding disk."
        raise refused(409, "ResizeDiskError", words)


def _check_system(system: Resource) -> None:
    try:
        data = base64.b64decode(system.get("customData", ""), validate=True)
    except binascii.Error:
        raise invalid("Custom data in OSProfile must be in Base64 encoding.") from None
    if len(data) > CUSTOM_DATA_BYTES:
        raise invalid("Custom data in OSProfile is too long.")
    if not system.get("adminUsername") or len(system.get("computerName", "")) not in range(1, 65):
        raise invalid("Required parameter 'osProfile' is not complete.")
    linux = system.get("linuxConfiguration", {})
    keys = linux.get("ssh", {}).get("publicKeys", [])
    if not keys and not system.get("adminPassword"):
        raise invalid("Authentication using either SSH or by user name and password is needed.")
    home = f"/home/{system['adminUsername']}/.ssh/authorized_keys"
    for each in keys:
        if each.get("path") != home or not _KEY.fullmatch(each.get("keyData", "")):
            raise invalid("The value of parameter linuxConfiguration.ssh.publicKeys is invalid.")


def _check_network(network: Resource, subnets: frozenset[str]) -> None:
    if network.get("networkApiVersion") not in NETWORK_APIS:
        raise invalid("The value of parameter networkProfile.networkApiVersion is invalid.")
    interfaces = network.get("networkInterfaceConfigurations", [])
    if not interfaces:
        raise refused(400, "NetworkProfile", "A virtual machine needs an interface.")
    for interface in interfaces:
        for each in interface["properties"]["ipConfigurations"]:
            properties = each["properties"]
            subnet = properties.get("subnet", {}).get("id", "")
            if subnet not in subnets:
                raise refused(
                    400,
                    "InvalidResourceReference",
                    f"Resource {subnet} referenced by resource was not found. Please make sure "
                    f"that the referenced resource exists, and that both resources are in the "
                    f"same region.",
                )
            address = properties.get("publicIPAddressConfiguration")
            if address is not None and address.get("sku", {}).get("name") != "Standard":
                raise refused(
                    400, "IPv4BasicSkuPublicIpCountLimitReached", "Basic addresses are retired."
                )


def _check_spot(properties: Resource) -> None:
    if properties.get("priority", "Regular") != "Spot" and "evictionPolicy" in properties:
        raise invalid("Eviction policy can be set only on Azure Spot Virtual Machines.")
