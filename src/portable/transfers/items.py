"""Two ordered listings, joined name by name without holding either."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portable.errors import PortableError, Unsupported

if TYPE_CHECKING:
    from portable.storage.digests import ServerDigest


@dataclass(frozen=True, slots=True)
class Item:
    """What one side has under a name.

    Attributes:
        name: Below the folder or prefix.
        order: The name's bytes, by which listings are ordered.
        size: Bytes.
        token: Changes when the content does: an object's revision, a file's identity.
        crc32: Of the content, by the server's own account; `None` where that isn't known.
        digest: As *crc32*, of another kind.
        left: The CRC-32 that the object's writer left with it.
        problem: Why it can't be transferred, or written over.
    """

    name: str
    order: bytes
    size: int = 0
    token: str = ""
    crc32: int | None = None
    digest: ServerDigest | None = None
    left: int | None = None
    problem: PortableError | None = None


class OutOfOrder(Unsupported):
    """A listing whose order isn't that of the keys' bytes."""


def ordered(items: Iterable[Item], where: str) -> Iterator[Item]:
    """The same, as far as they are in the order of their names' bytes.

    Raises:
        OutOfOrder: they aren't: comparing them with another listing would find what isn't so.
    """
    last: bytes | None = None
    for item in items:
        if last is not None and item.order <= last:
            raise OutOfOrder(
                f"the listing of {where} isn't in the order of the keys' bytes: {item.name!r} "
                f"comes after {last.decode('utf-8', 'replace')!r}. Nothing was deleted. Some "
                f"servers list folder by folder; sort=True (--sort) sorts such listings on disk"
            )
        last = item.order
        yield item


def joined(
    source: Iterator[Item], target: Iterator[Item]
) -> Iterator[tuple[Item | None, Item | None]]:
    """Pairs of one name; `None` where a side lacks it."""
    left, right = next(source, None), next(target, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left.order < right.order):
            yield left, None
            left = next(source, None)
        elif left is None or right.order < left.order:
            yield None, right
            right = next(target, None)
        else:
            yield left, right
            left, right = next(source, None), next(target, None)
