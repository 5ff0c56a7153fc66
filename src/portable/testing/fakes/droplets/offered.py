"""What there is: sizes in their regions, and images."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from portable.compute.catalogue import offers
from portable.compute.needs import Needs

IMAGES = frozenset(
    {
        "gpu-amd-base",
        "gpu-h100x1-base",
        "gpu-h100x8-base",
        "ubuntu-22-04-x64",
        "ubuntu-24-04-x64",
    }
)
DISK_GIB = 25  # of a processor; DigitalOcean's are of all sorts


@cache
def sizes() -> Mapping[str, Mapping[str, Any]]:
    """The catalogue's sizes, by slug."""
    found: dict[str, dict[str, Any]] = {}
    for offer in offers(Needs(cpus=0.1), providers={"digitalocean"}):
        made = {
            "slug": offer.machine,
            "vcpus": int(offer.cpus),
            "memory": int(offer.memory_gib * 1024),
            "disk": DISK_GIB * int(offer.cpus),
            "price_hourly": offer.usd_per_hour,
            "available": True,
            "regions": [],
        }
        found.setdefault(offer.machine, made)["regions"].append(offer.region)
    return found


def regions() -> list[str]:
    """Where there are sizes."""
    return sorted({region for size in sizes().values() for region in size["regions"]})
