"""A lease of a message, and how its receipt is written: where the message is while it is held."""

from __future__ import annotations

from typing import NamedTuple

from portable_local.queue.places import LEAST


class Lease(NamedTuple):
    """Who holds a message.

    Attributes:
        place: Where the message is, and so until when it is held.
        secret: Drawn anew at every delivery, and the same for all that one receive handed out.
        alone: Is its row all there is of the message? Else it has a group, or a long body.
    """

    place: int
    secret: int
    alone: bool

    def __str__(self) -> str:
        return receipt_of(*self)


def receipt_of(place: int, secret: int, alone: bool) -> str:
    """How the lease is written."""
    return f"{place}:{secret}:{'' if alone else '+'}"


def lease_of(receipt: str) -> Lease | None:
    """What *receipt* stands for; `None` where this driver hasn't written it."""
    try:
        place, secret, more = receipt.split(":")
        lease = Lease(int(place), int(secret), not more)
    except ValueError:
        return None
    # Else it is no lease's, or SQLite can't hold it.
    return lease if LEAST <= lease.place < 0 <= lease.secret < 1 << 63 else None
