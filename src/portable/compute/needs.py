"""What a job or a machine needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from portable.compute import gpus as known
from portable.errors import InvalidArgument, InvalidType


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a machine must have at least.

    Attributes:
        cpus: Virtual processors, as the provider counts them: on most, two are one core.
        memory_gib: `None` is whatever comes with the processors.
        gpus: Whole ones; a *gpu* without a number is one.
        gpu: The model, however it is written: ``"L4"``, ``"nvidia-l4"``, ``"A100-80GB"``. It is
            kept in one spelling. `None` is any.
        disk_gib: Of the disk that the machine starts from; `None` is the provider's default.
        spot: A machine that is cheaper and may be taken away at any time.
        machine: The provider's own type, such as ``"p3.8xlarge"``; no other one is taken.

    Raises:
        InvalidArgument: a number is too small or no number, or there is no such GPU.
        InvalidType: a value has another type.
    """

    cpus: float = 1
    memory_gib: float | None = None
    gpus: int = 0
    gpu: str | None = None
    disk_gib: int | None = None
    spot: bool = False
    machine: str | None = None

    def __post_init__(self) -> None:
        _amount("cpus", self.cpus)
        if self.memory_gib is not None:
            _amount("memory_gib", self.memory_gib)
        _count("gpus", self.gpus, least=0)
        if self.disk_gib is not None:
            _count("disk_gib", self.disk_gib, least=1)
        if not isinstance(self.spot, bool):
            raise InvalidType(f"spot is True or False, not {self.spot!r}")
        if self.machine is not None and not isinstance(self.machine, str):
            raise InvalidType(f"machine is a str, not {type(self.machine).__name__}")
        if self.machine == "":
            raise InvalidArgument("machine is empty; leave it out, or name the provider's type")
        if self.gpu is not None:
            object.__setattr__(self, "gpu", known.canonical(self.gpu))
            object.__setattr__(self, "gpus", self.gpus or 1)


def _amount(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidType(f"{name} is a number, not {type(value).__name__}")
    if not 0 < value < math.inf:  # nan isn't either
        raise InvalidArgument(f"{name} is {value}; it is more than 0")


def _count(name: str, value: object, *, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidType(f"{name} is a whole number, not {type(value).__name__}")
    if value < least:
        raise InvalidArgument(f"{name} is {value}; it is {least} or more")
