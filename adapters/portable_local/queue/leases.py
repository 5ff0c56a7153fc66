"""A lease of a message, and how its receipt is written: where the message is while it is held."""

from __future__ import annotations

from typing import NamedTuple

from portable_sql.leases import GROUPED


class Lease(NamedTuple):
    """Who holds a message.

    Attributes:
        message: The message's id.
        until: When it ends; seconds since the epoch.
        secret: Drawn anew at every delivery, and the same for all that one receive handed out.
        grouped: Is the message one of a group, in which another waits for it to go?
    """

    message: str
    until: float
    secret: int
    grouped: bool

    def __str__(self) -> str:
        return receipt_of(*self[:3], grouped=self.grouped)


def receipt_of(message: str, until: float, secret: int, *, grouped: bool) -> str:
    """How the lease is written."""
    return f"{message}:{until.hex()}:{secret:x}:{GROUPED if grouped else ''}"  # exact, and fast


def lease_of(receipt: str) -> Lease | None:
    """What *receipt* stands for; `None` where this driver hasn't written it."""
    try:
        message, until, said, group = receipt.split(":")
        secret = int(said, 16)
        if secret < 1 << 63:  # else SQLite can't hold it
            return Lease(message, float.fromhex(until), secret, bool(group))
    except (ValueError, OverflowError):
        pass
    return None
