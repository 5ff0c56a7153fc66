"""What listings and servers tell of objects' contents, to compare with a file's or another's.

A server's own digest has the last word: a tool may have replaced the content and kept our
metadata, and with it the CRC-32 of what was there before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.errors import NotFound
from portable.storage.reads import expected_crc32
from portable.transfers.bytes_of import crc32_of, digest_of
from portable.transfers.items import Item

if TYPE_CHECKING:
    from portable.storage.driver import StoredObject
    from portable.transfers.places import Shelf


def item_of(name: str, stored: StoredObject) -> Item:
    """An object as an item."""
    return Item(
        name,
        name.encode("utf-8", "surrogatepass"),
        stored.size,
        stored.revision,
        stored.crc32,
        stored.digest,
        expected_crc32(stored),
    )


def known(shelf: Shelf, item: Item) -> Item | None:
    """*item* with what there is to know of its content; `None` where it is gone or grew."""
    if item.left is not None or item.digest is not None:
        return item
    try:
        found = item_of(item.name, shelf.stat(item.name))
    except NotFound:
        return None
    return found if found.size == item.size else None


def same(item: Item, there: Item) -> bool | None:
    """Do two items hold the same bytes? `None`: what is known of them doesn't tell."""
    if item.crc32 is not None and there.crc32 is not None:
        return item.crc32 == there.crc32
    if item.digest and there.digest and item.digest.start is there.digest.start:
        return item.digest.value == there.digest.value
    if item.left is not None and there.left is not None:
        return item.left == there.left
    return None


def is_in(item: Item, file: int) -> bool:
    """Are the bytes of *item* those of an open file, as far as can be told?"""
    if item.crc32 is None and item.digest is not None:
        return digest_of(file, item.digest.start) == item.digest.value
    return item.left is not None and crc32_of(file) == item.left
