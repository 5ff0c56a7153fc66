"""Which objects a prefix on the command line means.

A prefix is a folder: ``runs/7`` is the object of that name and all below ``runs/7/``, and not
``runs/70``. With a ``*`` at its end it is plain text: ``runs/7*`` is every key that begins so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portable.storage import Bucket, ObjectInfo

STAR = "*"


def everything(bucket: Bucket, prefix: str) -> Iterator[ObjectInfo]:
    """All objects that *prefix* means, lazily, in key order."""
    if _is_plain(prefix):
        yield from bucket.list(prefix.removesuffix(STAR))
        return
    yield from _itself(bucket, prefix)
    yield from bucket.list(f"{prefix}/")


def one_level(bucket: Bucket, prefix: str) -> list[ObjectInfo | str]:
    """Objects, and folders as text that ends in ``/``, in key order."""
    entries: list[ObjectInfo | str] = []
    if _is_plain(prefix):
        level = bucket.listdir(prefix.removesuffix(STAR))
    else:
        entries += _itself(bucket, prefix)
        level = bucket.listdir(f"{prefix}/")
    entries += level.objects
    entries += level.prefixes
    return sorted(entries, key=lambda entry: _key(entry).encode())


def _key(entry: ObjectInfo | str) -> str:
    return entry if isinstance(entry, str) else entry.key


def _is_plain(prefix: str) -> bool:
    """The empty prefix and a folder's are plain text already."""
    return not prefix or prefix.endswith(("/", STAR))


def _itself(bucket: Bucket, key: str) -> Iterator[ObjectInfo]:
    """The object at *key*, told of by a listing: that needs no right to read it."""
    for info in bucket.list(key, limit=1):  # of all keys that begin so, the first
        if info.key == key:
            yield info
