"""GPUs that are sold apart from machines, and the machines that take them.

The price of such a machine is that of the host and of each GPU. Which hosts take how many is a rule
of the provider: https://cloud.google.com/compute/docs/gpus (machine types of N1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from portable.compute.catalogue.offer import Offer

HOSTS = "n1-"

# For each number of GPUs, the most processors and GiB that a host may have with it.
ATTACHED: Mapping[str, Mapping[int, tuple[int, int]]] = {
    "nvidia-tesla-p4": {1: (24, 156), 2: (48, 312), 4: (96, 624)},
    # Four may have 96 and 624 where the zone isn't us-east1-c, europe-west1-b or europe-west1-d;
    # a catalogue of regions takes what all of them have.
    "nvidia-tesla-p100": {1: (16, 104), 2: (32, 208), 4: (64, 208)},
    "nvidia-tesla-t4": {1: (48, 312), 2: (48, 312), 4: (96, 624)},
    "nvidia-tesla-v100": {1: (12, 78), 2: (24, 156), 4: (48, 312), 8: (96, 624)},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """One GPU's price in a region; the rest as in `Offer`."""

    provider: str
    region: str
    name: str
    gpu: str
    gpu_memory_gib: float
    usd_per_hour: float | None
    usd_per_hour_spot: float | None
    as_of: date | None
    source: str


def attached(
    hosts: Sequence[Offer], accelerators: Sequence[Accelerator], gpus: int
) -> Iterator[Offer]:
    """Every host with exactly *gpus* accelerators that takes so many; none for 0."""
    for each in accelerators:
        cpus, memory_gib = ATTACHED[each.name].get(gpus, (0, 0))
        for host in hosts:
            if (
                (host.provider, host.region) == (each.provider, each.region)
                and host.machine.startswith(HOSTS)
                and host.cpus <= cpus
                and host.memory_gib <= memory_gib
            ):
                yield _with(host, each, gpus)


def _with(host: Offer, each: Accelerator, gpus: int) -> Offer:
    return replace(
        host,
        gpus=gpus,
        gpu=each.gpu,
        gpu_memory_gib=each.gpu_memory_gib,
        usd_per_hour=_sum(host.usd_per_hour, each.usd_per_hour, gpus),
        usd_per_hour_spot=_sum(host.usd_per_hour_spot, each.usd_per_hour_spot, gpus),
        # The sum is as old as its older part.
        as_of=min(host.as_of, each.as_of) if host.as_of and each.as_of else None,
        source=f"{host.source}; {each.source}",
        accelerator=each.name,
    )


def _sum(host: float | None, each: float | None, gpus: int) -> float | None:
    if host is None or each is None:
        return None
    return round(host + gpus * each, 6)
