"""What there is: zones, types of machines and of accelerators, images."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from portable.compute.catalogue.accelerators import ATTACHED
from portable.compute.catalogue.data import catalogue
from portable.testing.fakes.gce.wording import link

# https://cloud.google.com/compute/docs/regions-zones, of the catalogue's regions.
LETTERS: Mapping[str, str] = {
    "europe-west1": "bcd",
    "europe-west4": "abc",
    "northamerica-northeast1": "abc",
    "us-central1": "abcf",
    "us-east1": "bcd",
    "us-east4": "abc",
}
ZONES = {f"{region}-{letter}": region for region in LETTERS for letter in LETTERS[region]}
FAMILIES = frozenset(
    {
        ("deeplearning-platform-release", "common-cu129-ubuntu-2404-nvidia-580"),
        ("ubuntu-os-cloud", "ubuntu-2204-lts"),
        ("ubuntu-os-cloud", "ubuntu-2204-lts-arm64"),
        ("ubuntu-os-cloud", "ubuntu-2404-lts-amd64"),
        ("ubuntu-os-cloud", "ubuntu-2404-lts-arm64"),
    }
)
DISK_TYPES = frozenset({"hyperdisk-balanced", "pd-balanced", "pd-ssd", "pd-standard"})


@cache
def machine_types(zone: str) -> Mapping[str, Mapping[str, Any]]:
    """The catalogue's types of machines, by name; in each zone of a region."""
    offers = [
        offer
        for offer in catalogue().offers
        if (offer.provider, offer.region) == ("gcp", ZONES[zone])
    ]
    return {
        offer.machine: {
            "kind": "compute#machineType",
            "name": offer.machine,
            "guestCpus": int(offer.cpus),
            "memoryMb": int(offer.memory_gib * 1024),
            "zone": zone,
        }
        for offer in offers
    }


@cache
def accelerator_types(zone: str) -> Mapping[str, Mapping[str, Any]]:
    """The catalogue's GPUs that are added to machines, by name."""
    return {
        each.name: {
            "kind": "compute#acceleratorType",
            "name": each.name,
            "maximumCardsPerInstance": max(ATTACHED[each.name]),
            "zone": link(f"zones/{zone}"),
        }
        for each in catalogue().accelerators
        if (each.provider, each.region) == ("gcp", ZONES[zone])
    }


def has_gpus(zone: str, machine: str) -> bool:
    """Has this type GPUs by itself?"""
    return any(
        offer.gpus and offer.accelerator is None
        for offer in catalogue().offers
        if (offer.provider, offer.region, offer.machine) == ("gcp", ZONES[zone], machine)
    )
