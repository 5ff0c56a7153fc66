"""Images: plain names, URNs and resource ids."""

from __future__ import annotations

import re
from collections.abc import Mapping

from portable.errors import InvalidArgument
from portable.spelling import did_you_mean, listed

# Publisher and offer; then the SKUs for x86, for Arm and for sizes that boot as generation 1
# alone. Canonical's own: https://documentation.ubuntu.com/azure/azure-how-to/instances/find-ubuntu-images
# Microsoft's for GPUs, with driver and CUDA: https://learn.microsoft.com/azure/hpc/ubuntu-hpc
IMAGES: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "ubuntu-24.04": (
        "Canonical",
        "ubuntu-24_04-lts",
        {"x86": "server", "arm": "server-arm64", "first": "server-gen1"},
    ),
    "ubuntu-22.04": (
        "Canonical",
        "ubuntu-22_04-lts",
        {"x86": "server", "arm": "server-arm64", "first": "server-gen1"},
    ),
    "deep-learning": ("microsoft-dsvm", "ubuntu-hpc", {"x86": "2204"}),
}
# https://learn.microsoft.com/azure/virtual-machines/vm-naming-conventions: a "p" is for Arm.
_ARM = re.compile(r"Standard_[A-Z]+\d+(-\d+)?[a-z]*p[a-z]*_", re.ASCII)
# https://learn.microsoft.com/azure/virtual-machines/generation-2
_FIRST = re.compile(r"(Basic|Standard)_A\d+m?(_v2)?", re.ASCII)


def reference(image: str, machine: str) -> dict[str, str]:
    """What Azure is asked for.

    Args:
        image: A plain name, ``PUBLISHER:OFFER:SKU:VERSION``, or a resource id.
        machine: The size that has to boot it.

    Raises:
        InvalidArgument: it is none of these, or there is none for the size.
    """
    if image.startswith("/"):
        return {"id": image}
    parts = image.split(":")
    if len(parts) == 4 and all(parts):
        return dict(zip(("publisher", "offer", "sku", "version"), parts, strict=True))
    if image not in IMAGES:
        raise InvalidArgument(
            f"there is no image {image!r}{did_you_mean(image, IMAGES)}: name one of "
            f"{listed(IMAGES)}, or write PUBLISHER:OFFER:SKU:VERSION or a resource id"
        )
    publisher, offer, skus = IMAGES[image]
    if (wanted := _kind(machine)) not in skus:
        of = {"arm": "Arm", "first": "generation 1"}[wanted]
        raise InvalidArgument(f"there is no image {image!r} for {of}, which {machine!r} is")
    return {"publisher": publisher, "offer": offer, "sku": skus[wanted], "version": "latest"}


def _kind(machine: str) -> str:
    if _ARM.match(machine):
        return "arm"
    return "first" if _FIRST.fullmatch(machine) else "x86"
