"""Shapes that a type's name tells, against the providers' own pages."""

from __future__ import annotations

import pytest

from portable.compute import gpus
from portable.compute.catalogue.shapes import FAMILIES, SIZES, Shape, shape_of


@pytest.mark.parametrize(
    ("machine", "shape"),
    [
        ("n1-standard-1", Shape(1, 3.75)),
        ("n1-standard-96", Shape(96, 360)),
        ("n1-highmem-8", Shape(8, 52)),
        ("e2-micro", Shape(2, 1)),
        ("e2-standard-32", Shape(32, 128)),
        ("n2-standard-128", Shape(128, 512)),
        ("n2-highmem-8", Shape(8, 64)),
        ("c2-standard-60", Shape(60, 240)),
        ("c3-standard-22", Shape(22, 88)),
        ("a2-highgpu-1g", Shape(12, 85, 1, "A100", 40)),
        ("a2-highgpu-8g", Shape(96, 680, 8, "A100", 40)),
        ("a2-ultragpu-8g", Shape(96, 1360, 8, "A100", 80)),
        ("a3-highgpu-8g", Shape(208, 1872, 8, "H100", 80)),
        ("g2-standard-12", Shape(12, 48, 1, "L4", 24)),
        ("g2-standard-96", Shape(96, 384, 8, "L4", 24)),
        ("Standard_D96s_v5", Shape(96, 384)),
        ("Standard_E32s_v5", Shape(32, 256)),
        ("Standard_E96s_v5", Shape(96, 672)),
        ("Standard_F72s_v2", Shape(72, 144)),
        ("Standard_B2als_v2", Shape(2, 4)),
        ("Standard_NC24ads_A100_v4", Shape(24, 220, 1, "A100", 80)),
        ("Standard_NC16as_T4_v3", Shape(16, 110, 1, "T4", 16)),
        ("Standard_NV6ads_A10_v5", Shape(6, 55, 1 / 6, "A10", 24)),
        ("s-1vcpu-512mb-10gb", Shape(1, 0.5)),
        ("s-4vcpu-8gb", Shape(4, 8)),
        ("g-48vcpu-192gb-intel", Shape(48, 192)),
    ],
)
def test_a_name_tells_what_the_provider_documents(machine: str, shape: Shape) -> None:
    assert shape_of(machine) == shape


@pytest.mark.parametrize(
    "machine",
    ["", "p3.8xlarge", "n1-standard", "n1-standard-4x", "n9-standard-4", "Standard_X4_v9"],
)
def test_a_name_that_tells_nothing_has_no_shape(machine: str) -> None:
    """It is never guessed."""
    assert shape_of(machine) is None


@pytest.mark.parametrize("name", [*FAMILIES, *SIZES])
def test_every_rule_is_reached_by_a_name(name: str) -> None:
    machine = name.replace("{n}", "3")
    found = shape_of(machine)
    rule = FAMILIES.get(name) or SIZES[name]
    assert found is not None
    assert found.memory_gib == rule.memory_gib * (3 if name in FAMILIES else 1)
    if rule.gpu is not None:
        assert rule.gpu_memory_gib in gpus.MODELS[rule.gpu]
