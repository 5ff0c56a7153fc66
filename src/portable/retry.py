"""The one layer that retries.

A failed request is sent again when its error is `retryable`, with full jitter, within the call's
deadline, and while the endpoint's budget lasts: in an outage that hits everybody, retries
must not multiply the load. A request that may have been carried out although no answer came is
`ambiguous`; the caller gives a way to settle what happened, or says that sending it twice is
the same as once by giving none.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from portable import interrupt
from portable.errors import DeadlineExceeded, PortableError, Throttled

T = TypeVar("T")

BASE_SECONDS = 0.05
THROTTLED_BASE_SECONDS = 1.0
LONGEST_SLEEP_SECONDS = 20.0
# What botocore's standard mode uses: 500 tokens an endpoint, 5 a retry; and 1 back a success.
BUDGET_TOKENS = 500
RETRY_TOKENS = 5
# A body that moves slower than this, once the deadline is over, is given up.
SLOWEST_BYTES_PER_SECOND = 16 * 1024


class Budget:
    """How many retries an endpoint may still cost. Safe in threads."""

    def __init__(self, tokens: int = BUDGET_TOKENS) -> None:
        self._full = self._tokens = tokens
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Pay for one retry; False when there is nothing left."""
        with self._lock:
            if self._tokens < RETRY_TOKENS:
                return False
            self._tokens -= RETRY_TOKENS
            return True

    def refund(self) -> None:
        """A request succeeded."""
        if self._tokens < self._full:
            with self._lock:
                self._tokens = min(self._full, self._tokens + 1)


def _random() -> float:
    import random  # 3 ms to import

    return random.random()  # noqa: S311 - jitter isn't a secret


# Leases end, and deadlines pass, while the machine sleeps: Linux's and macOS's `time.monotonic`
# stands still then.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
_steady = time.monotonic if _CLOCK is None else partial(time.clock_gettime, _CLOCK)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Time and chance, given from outside so that tests need not wait.

    Attributes:
        clock: Nobody sets it, and it goes on while the machine sleeps.
        now: Seconds since the epoch.
    """

    clock: Callable[[], float] = _steady
    sleep: Callable[[float], None] = interrupt.sleep
    random: Callable[[], float] = _random
    now: Callable[[], float] = time.time


@dataclass(slots=True)
class Deadline:
    """A moment after which a call gives up."""

    at: float
    seconds: float
    clock: Callable[[], float]

    def extend(self, size: int) -> None:
        """Give a slow line time for *size* bytes."""
        more = size / SLOWEST_BYTES_PER_SECOND
        self.at += more
        self.seconds += more

    def left(self) -> float:
        """Seconds; negative when it has passed."""
        return self.at - self.clock()

    def exceeded(self, cause: PortableError | None = None) -> DeadlineExceeded:
        """The error to raise."""
        last = f"; the last failure: {cause.message}" if cause else ""
        return DeadlineExceeded(
            f"not done within {self.seconds:g} s{last}. Raise the setting 'deadline' if this "
            f"call may take longer",
            ambiguous=bool(cause and cause.ambiguous),
        )


@dataclass(frozen=True, slots=True)
class Retry:
    """How requests to one endpoint are retried.

    Attributes:
        attempts: How often one request is sent at most.
        deadline: Seconds a call may take.
    """

    attempts: int = 6
    deadline: float = 120.0
    budget: Budget = field(default_factory=Budget)
    surroundings: Surroundings = field(default_factory=Surroundings)

    def start(self, *, size: int = 0) -> Deadline:
        """A deadline for a call that moves *size* bytes: slow lines get time for them."""
        seconds = self.deadline + size / SLOWEST_BYTES_PER_SECOND
        return Deadline(self.surroundings.clock() + seconds, seconds, self.surroundings.clock)

    def call(
        self,
        send: Callable[[], T],
        *,
        settle: Callable[[PortableError], T] | None = None,
        deadline: Deadline | None = None,
    ) -> T:
        """Return what *send* returns, sending again while that makes sense.

        Args:
            send: One request.
            settle: For a request that must not be carried out twice: called when it may have
                been carried out, with the error that ended the attempts. Returns the outcome
                that it proved, or raises the verdict.
            deadline: Of the call that this request is part of; a new one unless given.
        """
        begun = self.surroundings.clock()
        unclear = False
        for attempt in range(1, self.attempts + 1):
            interrupt.check()
            try:
                result = send()
            except PortableError as error:
                unclear = unclear or error.ambiguous
                if deadline is None:
                    clock = self.surroundings.clock
                    deadline = Deadline(begun + self.deadline, self.deadline, clock)
                try:
                    self.pause(error, attempt, deadline)
                except PortableError as final:
                    if unclear and settle is not None:
                        return settle(final)
                    raise
            else:
                self.budget.refund()
                return result
        raise AssertionError("pause() ends the attempts")

    def pause(self, error: PortableError, attempt: int, deadline: Deadline) -> None:
        """Sleep before the next attempt, or raise when there should be none."""
        if not error.retryable or attempt >= self.attempts or not self.budget.take():
            raise error
        seconds = self._backoff(error, attempt)
        if seconds >= deadline.left():
            raise deadline.exceeded(error) from error
        self.surroundings.sleep(seconds)

    def _backoff(self, error: PortableError, attempt: int) -> float:
        base = THROTTLED_BASE_SECONDS if isinstance(error, Throttled) else BASE_SECONDS
        longest: float = min(base * 2 ** (attempt - 1), LONGEST_SLEEP_SECONDS)
        return max(self.surroundings.random() * longest, error.retry_after or 0.0)
