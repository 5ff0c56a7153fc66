"""`Offer`: a type of machine in one region, and its price."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A type of machine in one region. Prices are list prices in US dollars, without tax.

    Attributes:
        machine: The provider's type.
        cpus: Virtual processors; on a burstable or shared type, only for short times.
        gpus: Providers also sell fractions of one.
        gpu: The model, a key of `portable.compute.gpus.MODELS`; `None` without a GPU.
        gpu_memory_gib: Of each GPU, as the card is sold: 24 for an L4, of which programs see 22.5.
        usd_per_hour: Of the machine with its GPUs, without disks and traffic; `None` is unknown.
        usd_per_hour_spot: The lowest that was seen in one of the region's zones; `None` is unknown.
        as_of: When `usd_per_hour` was read; `None` where the source doesn't tell.
        source: Where the prices and the shape are from, each with its licence.
        accelerator: The provider's name of the GPU that has to be added to the machine, `gpus`
            times; `None` where the machine has its GPUs by itself.
    """

    provider: str
    region: str
    machine: str
    cpus: float
    memory_gib: float
    gpus: float = 0
    gpu: str | None = None
    gpu_memory_gib: float | None = None
    usd_per_hour: float | None
    usd_per_hour_spot: float | None = None
    as_of: date | None
    source: str
    accelerator: str | None = None

    def price(self, spot: bool = False) -> float | None:
        """US dollars per hour, of a spot machine or another one; `None` is unknown."""
        return self.usd_per_hour_spot if spot else self.usd_per_hour
