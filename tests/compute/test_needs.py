"""What can be asked for, and what can't."""

from __future__ import annotations

import math
import pickle
from typing import Any

import pytest

from portable.compute.needs import Needs
from portable.errors import InvalidArgument, InvalidType


def test_nothing_asked_for_is_one_processor() -> None:
    needs = Needs()
    assert (needs.cpus, needs.memory_gib, needs.gpus, needs.gpu) == (1, None, 0, None)


def test_a_gpu_without_a_number_is_one() -> None:
    assert Needs(gpu="nvidia-l4") == Needs(gpu="L4", gpus=1)
    assert Needs(gpu="l4", gpus=4).gpus == 4


def test_needs_are_the_same_in_another_process() -> None:
    needs = Needs(cpus=0.5, gpu="A100 80GB", spot=True, machine="x")
    assert pickle.loads(pickle.dumps(needs)) == needs


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"cpus": 0}, "cpus is 0; it is more than 0"),
        ({"cpus": -1}, "cpus"),
        ({"cpus": math.nan}, "cpus is nan"),
        ({"cpus": math.inf}, "cpus is inf"),
        ({"memory_gib": 0}, "memory_gib"),
        ({"gpus": -1}, "gpus is -1; it is 0 or more"),
        ({"disk_gib": 0}, "disk_gib is 0; it is 1 or more"),
        ({"gpu": "V10"}, "did you mean 'V100'"),
        ({"machine": ""}, "machine is empty"),
    ],
)
def test_what_can_not_be_is_refused(given: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        Needs(**given)


@pytest.mark.parametrize(
    "given",
    [
        {"cpus": "4"},
        {"cpus": True},
        {"memory_gib": "8"},
        {"gpus": 1.5},
        {"gpus": True},
        {"disk_gib": 30.5},
        {"spot": 1},
        {"machine": 3},
        {"gpu": 4},
    ],
)
def test_another_type_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidType, match=next(iter(given))):
        Needs(**given)
