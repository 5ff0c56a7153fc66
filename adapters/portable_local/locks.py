"""Locks that writers of one key take turns with, across threads and processes."""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from portable_local.folders import Root
from portable_local.names import INTERNAL

_SHARDS = 64
_LOCKS = (INTERNAL, "locks")

_held: set[int] = set()


@contextmanager
def locked(root: Root, path: Sequence[str]) -> Iterator[None]:
    """Hold the lock that *path* falls under. The lock file is opened anew: it locks threads too."""
    shard = f"{zlib.crc32('/'.join(path).encode()) % _SHARDS:02x}"
    with root.folder(_LOCKS, make=True) as folder:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        descriptor = os.open(shard, flags, 0o666, dir_fd=folder)
    _held.add(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        _held.discard(descriptor)
        # Closing isn't enough: a process forked meanwhile has the descriptor, and so the lock.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _forget() -> None:
    """In a forked child: let go of locks that its parent's threads hold."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_forget)
