"""Waiting for a job: seldom enough to cost nothing, often enough to be noticed soon."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from portable import interrupt
from portable.errors import DeadlineExceeded

if TYPE_CHECKING:
    from portable.retry import Surroundings

SHORTEST, LONGEST = 0.01, 5.0
PART = 1 / 12  # of the time that one has waited already


def looks(
    surroundings: Surroundings, timeout: float | None, what: str, *, longest: float = LONGEST
) -> Iterator[None]:
    """One item for each look; between them time passes.

    Raises:
        DeadlineExceeded: *timeout* seconds have passed.
    """
    begun = surroundings.clock()
    while True:
        yield
        interrupt.check()
        waited = surroundings.clock() - begun
        pause = min(max(waited * PART, SHORTEST), longest)
        if timeout is not None:
            left = timeout - waited
            if left <= 0:
                raise DeadlineExceeded(f"{what} within {timeout:g} s; it goes on")
            pause = min(pause, left)
        surroundings.sleep(pause)
