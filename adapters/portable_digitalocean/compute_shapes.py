"""Machines, ours and DigitalOcean's."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from portable.compute.driver import ComputeCapabilities, Launch
from portable.compute.types import InstanceInfo, InstanceState
from portable.errors import InvalidArgument
from portable.spelling import did_you_mean, listed
from portable_digitalocean.compute_settings import DropletSettings

# https://docs.digitalocean.com/products/droplets/details/images/
IMAGES: Mapping[str, str] = {
    "ubuntu-22.04": "ubuntu-22-04-x64",
    "ubuntu-24.04": "ubuntu-24-04-x64",
}
DEEP_LEARNING = "deep-learning"
# "AI/ML ready": Ubuntu with the driver and CUDA or ROCm; the names are of the first sizes they
# were for. https://docs.digitalocean.com/products/droplets/getting-started/recommended-gpu-setup/
GPU_IMAGES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"gpu-mi\d"), "gpu-amd-base"),
    (re.compile(r"gpu-[a-z0-9]+x8-"), "gpu-h100x8-base"),
    (re.compile(r"gpu-"), "gpu-h100x1-base"),
)
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# https://docs.digitalocean.com/reference/api/digitalocean/#tag/Droplets: one that is off goes on
# costing, and an archived one can't be had back.
STATES: Mapping[str, InstanceState] = {
    "new": "pending",
    "active": "running",
    "off": "stopped",
    "archive": "terminated",
}


def capabilities(settings: DropletSettings) -> ComputeCapabilities:
    """What Droplets can do."""
    return ComputeCapabilities(
        region=settings.region,
        # One that is off is billed as before, until it is destroyed:
        # https://docs.digitalocean.com/products/droplets/details/pricing/
        stops=False,
        spot=False,
        images=True,
        ends="reap",
        idempotent=False,
        # https://docs.digitalocean.com/reference/api/digitalocean/#operation/droplets_create
        boot_max=64 * 1024,
        name_max=63,  # it is the machine's host name
    )


def resource(wanted: Launch, settings: DropletSettings, keys: Sequence[str]) -> dict[str, Any]:
    """What DigitalOcean is asked for.

    Args:
        keys: Fingerprints of the account's keys that may log in.
    """
    made: dict[str, Any] = {
        "name": wanted.name,
        "region": settings.region,
        "size": wanted.machine,
        "image": image_for(wanted.image, wanted.machine),
        "user_data": wanted.boot,
        "tags": [spelled(name, value) for name, value in sorted(wanted.tags.items())],
        "ssh_keys": list(keys),
        "backups": False,
        "ipv6": False,
        "monitoring": False,
        "with_droplet_agent": False,  # the console's, to log in with
    }
    if settings.vpc is not None:
        made["vpc_uuid"] = settings.vpc
    return made


def image_for(image: str, size: str) -> str | int:
    """An image as the API takes it: a slug, or the number of one of your own.

    Raises:
        InvalidArgument: there is none of that name, or it needs a GPU.
    """
    if image == DEEP_LEARNING:
        for sizes, slug in GPU_IMAGES:
            if sizes.match(size):
                return slug
        raise InvalidArgument(f"the image {image!r} needs a GPU, which the size {size!r} hasn't")
    if image in IMAGES:
        return IMAGES[image]
    if image.isascii() and image.isdigit():
        return int(image)
    if not _SLUG.fullmatch(image):
        raise InvalidArgument(f"there is no image {image!r}{known_images(image)}")
    return image


def known_images(image: str) -> str:
    """What to write instead of an image that there isn't."""
    names = (*IMAGES, DEEP_LEARNING)
    return f"{did_you_mean(image, names)}: name one of {listed(names)}, or a slug or id of yours"


def described(found: Mapping[str, Any]) -> InstanceInfo:
    """A Droplet as DigitalOcean tells of it."""
    raw = found["status"]
    return InstanceInfo(
        id=str(found["id"]),
        name=found["name"],
        # A word that isn't known yet is of a machine that is there, and costs.
        state=STATES.get(raw, "running"),
        raw_state=raw,
        machine=found["size_slug"],
        zone=found["region"]["slug"],
        address=_address(found),
        bills=raw != "archive",
        tags=dict(map(_unspelled, found.get("tags") or ())),
        created=datetime.fromisoformat(found["created_at"]).astimezone(UTC),
    )


def spelled(name: str, value: str) -> str:
    """A tag in one word; it has letters, digits, ``:``, ``-`` and ``_``, at most 255.

    https://docs.digitalocean.com/reference/api/digitalocean/#tag/Tags
    """
    return f"{name}:{value}"


def fingerprint(public_key: str) -> str:
    """The name by which the account has a key: MD5, as older ssh shows it.

    Raises:
        InvalidArgument: it isn't a public key.
    """
    try:
        blob = base64.b64decode(public_key.split()[1], validate=True)
    except (IndexError, ValueError):
        raise InvalidArgument(
            'ssh_key isn\'t a public key, such as "ssh-ed25519 AAAA… name"'
        ) from None
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def is_gpu(size: str) -> bool:
    """Has a size GPUs? They are listed apart."""
    return size.startswith("gpu-")


def _unspelled(tag: str) -> tuple[str, str]:
    name, _, value = tag.partition(":")
    return name, value


def _address(found: Mapping[str, Any]) -> str:
    networks = found.get("networks") or {}
    for each in networks.get("v4") or ():
        if each.get("type") == "public":
            return str(each.get("ip_address", ""))
    return ""
