"""What compute tells of machines and jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

InstanceState = Literal["pending", "running", "stopping", "stopped", "terminating", "terminated"]
JobStatus = Literal["queued", "starting", "running", "succeeded", "failed", "cancelled", "lost"]
Reason = Literal[
    "exit",
    "timeout",
    "cancelled",
    "preempted",
    "lost",
    "no machine",
    "no start",
    "inputs",
    "outputs",
    "refused",
]

ENDED: frozenset[JobStatus] = frozenset({"succeeded", "failed", "cancelled", "lost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceInfo:
    """A machine as its provider tells of it; where there are no machines, what stands for one.

    Attributes:
        id: What the provider's other calls take; all that they need is in it.
        name: As given when it was made.
        state: `terminated` is gone for good; a `stopped` one can be started again.
        raw_state: The provider's own word.
        machine: The provider's type of machine; empty where there are none.
        zone: Where it is; empty where the provider has no zones.
        address: Where it is reached from outside; empty where it isn't.
        bills: Does it cost money in this state? Its disks may, in any.
        tags: As given when it was made.
        created: Aware UTC; `None` where the provider doesn't tell.
    """

    id: str
    name: str
    state: InstanceState
    raw_state: str
    machine: str = ""
    zone: str = ""
    address: str = ""
    spot: bool = False
    bills: bool = True
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    created: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """How one task of a job ended; a job that is no array has one.

    Attributes:
        exit_code: The command's; ``-N`` where signal N ended it; `None` where it has none.
    """

    index: int
    exit_code: int | None
    reason: Reason
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """How a job ended.

    Attributes:
        status: ``"succeeded"`` where every task's exit code is 0 and every output is stored.
        exit_code: The first one that isn't 0, by the tasks' order; 0 where all are; `None` where
            none is known.
        reason: Why it ended, for the task that *exit_code* is of.
        detail: The same for people, with what to do; empty where there is nothing to say.
        attempts: How many machines were started for it, for the task that took the most.
        seconds: From its first start to its end.
        cost: US dollars, by the price when it was started; `None` where that isn't known.
        outputs: The objects that were stored.
    """

    status: JobStatus
    exit_code: int | None
    reason: Reason
    detail: str
    attempts: int
    seconds: float
    cost: float | None
    tasks: tuple[TaskResult, ...] = ()
    outputs: tuple[str, ...] = ()
