"""What a job or a machine needs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a machine must have at least."""

    cpus: float = 1
    memory_gib: float | None = None
    gpus: int = 0
    gpu: str | None = None
    disk_gib: int | None = None
    spot: bool = False
    machine: str | None = None
