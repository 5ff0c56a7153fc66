"""A lease of a message: how its receipt is written, and what becomes of it."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import NamedTuple

from portable.errors import LeaseLost, PortableError

GROUPED = "g"  # in a receipt


class Lease(NamedTuple):
    """Who holds a message.

    Attributes:
        message: The message's id.
        secret: Drawn anew at every delivery, and the same for all that one receive handed out.
        grouped: Is the message one of a group, in which another waits for it to go?
    """

    message: int
    secret: int
    grouped: bool

    @property
    def receipt(self) -> str:
        return f"{self.message}.{self.secret:x}{'.' + GROUPED if self.grouped else ''}"


def draw_secret() -> int:
    """63 bits that nobody guesses, and that databases hold as a number."""
    return int.from_bytes(os.urandom(8)) >> 1


def leases_of(receipts: Sequence[str]) -> list[Lease | None]:
    """What *receipts* stand for; `None` for what no driver of ours has written."""
    return [_parsed(receipt) for receipt in receipts]


def settled(
    leases: Sequence[Lease | None], found: Collection[tuple[int, int]]
) -> list[PortableError | None]:
    """An answer for each lease: `None` where its message and secret are among those *found*."""
    if len(found) == len(leases):
        return [None] * len(leases)
    return [None if lease is not None and lease[:2] in found else lease_lost() for lease in leases]


def lease_lost() -> LeaseLost:
    """The answer to who comes too late."""
    return LeaseLost("the lease has ended, so the message may be with somebody else")


def _parsed(receipt: str) -> Lease | None:
    message, _, rest = receipt.partition(".")
    secret, _, group = rest.partition(".")
    try:
        if group in ("", GROUPED):
            return Lease(int(message), int(secret, 16), bool(group))
    except ValueError:
        pass
    return None
