"""Where a message is in its queue's table, which says when it may be received.

The table is in the order of one number, its key, and what is next to be handed out is around zero:

* above zero, what may be received now, in the order in which it came;
* below, what may be received from a moment on: it is delayed, or leased until then. The nearer to
  zero the later, so that a lease moves a message by little: mostly within its page of the file;
* below `LEAST`, what waits for another message of its group.

A moment is in microseconds, and has 1,024 places, so that messages may share it. That fits until
the year 2112.
"""

from __future__ import annotations

PLACES = 1024
LEAST = -(1 << 62)  # and up: from a moment on
BLOCKED = LEAST  # added to where a message would be if no other of its group were there


def place_of(moment: float) -> int:
    """The first place of a moment, in seconds since the epoch; before it is what is due by then."""
    return LEAST + microseconds(moment) * PLACES


def last_due(now: float) -> int:
    """The last place whose moment has come."""
    return place_of(now) + PLACES - 1


def microseconds(moment: float) -> int:
    return int(moment * 1_000_000)


def moment_of(place: int) -> float:
    """Seconds since the epoch."""
    return (place - LEAST) // PLACES / 1_000_000
