"""Names of GPUs, as providers, drivers and people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portable.compute import gpus
from portable.errors import InvalidArgument, InvalidType

WRITTEN = {
    "L4": ["L4", "l4", "nvidia-l4", "NVIDIA L4", "L4-24GB"],
    "A100": ["A100", "nvidia-tesla-a100", "a100"],
    "A100-80GB": ["A100-80GB", "nvidia-a100-80gb", "NVIDIA A100-SXM4-80GB", "A100 80GB PCIe"],
    "A100-40GB": ["a100-40g", "A100_40GB"],
    "V100": ["V100", "nvidia-tesla-v100", "Tesla V100"],
    "V100-16GB": ["Tesla V100-SXM2-16GB"],
    "H100": ["H100"],
    "H100-80GB": ["nvidia-h100-80gb", "nvidia-h100-mega-80gb", "NVIDIA H100 80GB HBM3"],
    "H100-NVL": ["H100NVL", "NVIDIA H100 NVL"],
    "T4": ["t4", "nvidia-tesla-t4", "Tesla T4"],
    "RTX-PRO-6000": ["RTX Pro 6000", "NVIDIA RTX PRO 6000 Blackwell Server Edition"],
    "RTX-6000-Ada": ["RTX6000-Ada", "NVIDIA RTX 6000 Ada Generation"],
    "MI300X": ["AMD Instinct MI300X"],
}
PAIRS = [
    (name, written) for name, ways in WRITTEN.items() for written in ways if written != "L4-24GB"
]


@pytest.mark.parametrize(("name", "written"), PAIRS)
def test_one_spelling_for_what_is_written_in_many_ways(name: str, written: str) -> None:
    assert gpus.canonical(written) == name


@pytest.mark.parametrize("name", gpus.MODELS)
def test_the_one_spelling_stays_what_it_is(name: str) -> None:
    """With each memory that the model has, and without."""
    assert gpus.parse(name) == (name, None)
    for memory in gpus.MODELS[name]:
        assert gpus.parse(f"{name}-{memory}GB") == (name, memory)
        assert gpus.canonical(gpus.canonical(f"nvidia {name} {memory}gb")) == f"{name}-{memory}GB"


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("V10", "did you mean 'V100'"),
        ("nvidia-tesla-p10", "did you mean 'P10"),
        ("A100-80", "did you mean 'A100'"),
        ("A100-81GB", "a A100 has 40 GB or 80 GB"),
        ("A100-40GB-80GB", "a A100 has"),
        ("abacus", "known are 'A10', 'A100'"),
        ("", "known are"),
        ("80GB", "known are"),
    ],
)
def test_an_unknown_gpu_names_the_nearest(written: str, advice: str) -> None:
    with pytest.raises(InvalidArgument, match=advice):
        gpus.canonical(written)


@given(st.text())
def test_any_text_is_a_gpu_or_told_to_be_none(written: str) -> None:
    try:
        model, memory = gpus.parse(written)
    except InvalidArgument:
        return
    assert memory is None or memory in gpus.MODELS[model]


def test_a_gpu_is_text() -> None:
    with pytest.raises(InvalidType, match="'A100-80GB'"):
        gpus.parse(4)  # type: ignore[arg-type]
