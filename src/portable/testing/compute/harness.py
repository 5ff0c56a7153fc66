"""What the conformance suite of compute is told about a place that runs machines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from portable.compute import Compute
    from portable.compute.driver import ComputeDriver
    from portable.storage import Bucket
    from portable.testing.fakes.machines import Boot
    from portable.testing.faults import FaultProxy

Refusal = Literal["quota", "capacity", "throttled", "denied", "broken"]


class ComputeOracle(ABC):
    """One place, seen and disturbed without the driver.

    What a place has no way of (a laptop has no quota) raises `CannotHappen`, and the cases that
    are about it are skipped.
    """

    @abstractmethod
    def count(self, name: str) -> int:
        """How many machines of this name there are that haven't ended, or cost something."""

    @abstractmethod
    def alive(self, id: str) -> bool:
        """Does anything of this machine still run?"""

    @abstractmethod
    def kill(self, id: str) -> None:
        """Let the machine die at once, with all that runs on it; the provider notices."""

    def hang(self, id: str) -> None:
        """Let all that runs on the machine stand still; the provider doesn't notice."""
        raise CannotHappen("a machine that hangs")

    def preempt(self, id: str, notice: float) -> None:
        """Take a spot machine away, *notice* seconds after it was told."""
        raise CannotHappen("a spot machine that is taken away")

    def expire(self, id: str) -> None:
        """Let the machine's `Launch.lifetime` be over."""
        raise CannotHappen("a deadline that the provider keeps")

    def refuse(self, why: Refusal, times: int = 1) -> None:
        """Let the provider refuse the next *times* launches."""
        raise CannotHappen(f"a launch that is refused: {why}")

    def lose_answer(self) -> None:
        """Let the next launch be carried out, and its answer be lost."""
        raise CannotHappen("an answer that is lost")

    def hide(self, looks: int) -> None:
        """Let the next machine not be found by the first *looks* looks at it."""
        raise CannotHappen("a machine that isn't seen at once")

    def next(self, boot: Boot) -> None:
        """Let the next machine come up so."""
        raise CannotHappen("a machine that comes up otherwise")

    def keys(self, id: str) -> str:
        """The public keys that may log in to the machine, as a text."""
        raise CannotHappen("a key that logs in")

    def left_behind(self) -> list[str]:
        """What exists besides machines that haven't ended: their disks, addresses, interfaces."""
        return []


class CannotHappen(Exception):
    """This place has no way of it."""


@dataclass(frozen=True, kw_only=True)
class ComputeHarness:
    """One place that runs machines, and what surrounds it. Made anew for each case.

    Attributes:
        connect: Makes the driver under test; each call makes another one of the same place.
        oracle: Sees the same place. Machines run on this computer, so that a script can write
            into a folder of the test's.
        open_compute: Opens the place with some of the core's settings changed, such as
            ``open_compute(heartbeat=1.0)``; each call makes a new `Compute` of the same jobs.
            `None` where no jobs are run, and only the driver is looked at.
        storage: The bucket that jobs are kept in, and what they read and write is in; empty.
        proxy: What requests to *storage* go through, where they can be disturbed; `None` where
            nothing is in between.
        machine: A type of machine that there is; empty where there are none.
        image: An image by its plain name; empty where there are none.
        unknown_id: An id that no machine has.
        sdk_errors: What the SDK raises: the expected `__cause__` of an error that it raised.
        quirks: Known faults of a stand-in server, by their names in `COMPUTE_QUIRKS`, each with
            its reason. A driver's faults are none.
        patience: Seconds within which a machine is up, or has ended.
    """

    connect: Callable[[], ComputeDriver]
    oracle: ComputeOracle
    open_compute: Callable[..., Compute] | None = None
    storage: Bucket | None = None
    proxy: FaultProxy | None = None
    machine: str = ""
    image: str = ""
    unknown_id: str = "there-is-none"
    sdk_errors: tuple[type[BaseException], ...] = ()
    quirks: Mapping[str, str] = field(default_factory=dict)
    patience: float = 15.0
