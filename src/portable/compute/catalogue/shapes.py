"""What a type's name says of its processors, memory and GPUs.

Rules of families, from the providers' own pages, so that no table of others has to be taken over:

* https://cloud.google.com/compute/docs/general-purpose-machines (E2, N1, N2, C3),
  …/compute-optimized-machines (C2), …/accelerator-optimized-machines (A2, A3, G2, G4).
* https://learn.microsoft.com/azure/virtual-machines/sizes/overview, a page for each series, and its
  text in the repository MicrosoftDocs/azure-compute-docs.
* https://docs.digitalocean.com/products/droplets/details/features/ (the name has both numbers).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """What a machine has; the memory is each GPU's, in GB as the card is sold."""

    cpus: float
    memory_gib: float
    gpus: float = 0
    gpu: str | None = None
    gpu_memory_gib: float | None = None


# What 1 of the number in the name, written {n}, brings.
FAMILIES: Mapping[str, Shape] = {
    "e2-standard-{n}": Shape(1, 4),
    "n1-standard-{n}": Shape(1, 3.75),
    "n1-highmem-{n}": Shape(1, 6.5),
    "n2-standard-{n}": Shape(1, 4),
    "n2-highmem-{n}": Shape(1, 8),
    "c2-standard-{n}": Shape(1, 4),
    "c3-standard-{n}": Shape(1, 4),
    # The number is that of the GPUs.
    "a2-highgpu-{n}g": Shape(12, 85, 1, "A100", 40),
    "a2-ultragpu-{n}g": Shape(12, 170, 1, "A100", 80),
    "a3-highgpu-{n}g": Shape(26, 234, 1, "H100", 80),
    "a3-megagpu-{n}g": Shape(26, 234, 1, "H100", 80),
    "Standard_A{n}_v2": Shape(1, 2),
    "Standard_B{n}als_v2": Shape(1, 2),
    "Standard_B{n}as_v2": Shape(1, 4),
    "Standard_B{n}s_v2": Shape(1, 4),
    "Standard_D{n}s_v3": Shape(1, 4),
    "Standard_D{n}s_v5": Shape(1, 4),
    "Standard_D{n}s_v6": Shape(1, 4),
    "Standard_E{n}s_v5": Shape(1, 8),  # up to E64; E96 and E104 have 672 GiB
    "Standard_F{n}s_v2": Shape(1, 2),
}

# Sizes that follow no rule.
SIZES: Mapping[str, Shape] = {
    "e2-micro": Shape(2, 1),  # for short times: in the long run 1/4, 1/2 and 1 of a processor
    "e2-small": Shape(2, 2),
    "e2-medium": Shape(2, 4),
    "g2-standard-4": Shape(4, 16, 1, "L4", 24),
    "g2-standard-8": Shape(8, 32, 1, "L4", 24),
    "g2-standard-12": Shape(12, 48, 1, "L4", 24),
    "g2-standard-24": Shape(24, 96, 2, "L4", 24),
    "g2-standard-48": Shape(48, 192, 4, "L4", 24),
    "g2-standard-96": Shape(96, 384, 8, "L4", 24),
    "g4-standard-48": Shape(48, 180, 1, "RTX-PRO-6000", 96),
    "Standard_B1s": Shape(1, 1),
    "Standard_B2s": Shape(2, 4),
    "Standard_B2ms": Shape(2, 8),
    "Standard_B4ms": Shape(4, 16),
    "Standard_E96s_v5": Shape(96, 672),
    "Standard_E104is_v5": Shape(104, 672),
    "Standard_NC6s_v3": Shape(6, 112, 1, "V100", 16),
    "Standard_NC12s_v3": Shape(12, 224, 2, "V100", 16),
    "Standard_NC24s_v3": Shape(24, 448, 4, "V100", 16),
    "Standard_NC24rs_v3": Shape(24, 448, 4, "V100", 16),
    "Standard_ND40rs_v2": Shape(40, 672, 8, "V100", 32),
    "Standard_NC4as_T4_v3": Shape(4, 28, 1, "T4", 16),
    "Standard_NC8as_T4_v3": Shape(8, 56, 1, "T4", 16),
    "Standard_NC16as_T4_v3": Shape(16, 110, 1, "T4", 16),
    "Standard_NC64as_T4_v3": Shape(64, 440, 4, "T4", 16),
    "Standard_NC24ads_A100_v4": Shape(24, 220, 1, "A100", 80),
    "Standard_NC48ads_A100_v4": Shape(48, 440, 2, "A100", 80),
    "Standard_NC96ads_A100_v4": Shape(96, 880, 4, "A100", 80),
    "Standard_ND96asr_v4": Shape(96, 900, 8, "A100", 40),
    # The page of the series says 1900, the list of sizes that the service answers with 1800
    # (AksNodeVmSizes.cs of microsoft/aspire is made from it): the lower one is safe.
    "Standard_ND96amsr_A100_v4": Shape(96, 1800, 8, "A100", 80),
    "Standard_NC40ads_H100_v5": Shape(40, 320, 1, "H100-NVL", 94),
    "Standard_NC80adis_H100_v5": Shape(80, 640, 2, "H100-NVL", 94),
    "Standard_ND96isr_H100_v5": Shape(96, 1900, 8, "H100", 80),
    "Standard_ND96isr_H200_v5": Shape(96, 1850, 8, "H200", 141),
    "Standard_NV6ads_A10_v5": Shape(6, 55, 1 / 6, "A10", 24),
    "Standard_NV12ads_A10_v5": Shape(12, 110, 1 / 3, "A10", 24),
    "Standard_NV18ads_A10_v5": Shape(18, 220, 1 / 2, "A10", 24),
    "Standard_NV36ads_A10_v5": Shape(36, 440, 1, "A10", 24),
    "Standard_NV72ads_A10_v5": Shape(72, 880, 2, "A10", 24),
}

_NUMBERED = (
    re.compile(r"([a-z]\d[a-z]?-[a-z]+-)(\d+)(g?)"),
    re.compile(r"(Standard_[A-Z]+)(\d+)(\w*)"),
)
_SPELT_OUT = re.compile(r"[a-z]+\d?(?:_\d)?-(\d+)vcpu-(\d+)(gb|mb)\b.*")


def shape_of(machine: str) -> Shape | None:
    """What the provider's type *machine* has; `None` where its name doesn't tell."""
    if machine in SIZES:
        return SIZES[machine]
    for form in _NUMBERED:
        if found := form.fullmatch(machine):
            each = FAMILIES.get(f"{found[1]}{{n}}{found[3]}")
            return each and _times(int(found[2]), each)
    if found := _SPELT_OUT.fullmatch(machine):
        return Shape(int(found[1]), int(found[2]) / (1024 if found[3] == "mb" else 1))
    return None


def _times(number: int, each: Shape) -> Shape:
    return Shape(
        number * each.cpus,
        number * each.memory_gib,
        number * each.gpus,
        each.gpu,
        each.gpu_memory_gib,
    )
