"""File locks that die with their process, and not later."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_alone: set[int] = set()


def open_alone(path: Path) -> int:
    """Open *path*, made where it is missing, once nobody else has it open so.

    A name may have moved on to another file meanwhile: see `is_at`.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    _alone.add(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except BaseException:
        close_alone(descriptor)
        raise
    return descriptor


def close_alone(descriptor: int) -> None:
    """Close it and let the next one in."""
    _alone.discard(descriptor)
    # Closing isn't enough: a process forked meanwhile has the descriptor, and so the lock.
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def share(descriptor: int) -> None:
    """Let others have it too, for reading; from now on it is closed with `os.close`."""
    _alone.discard(descriptor)
    fcntl.flock(descriptor, fcntl.LOCK_SH)


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold the lock that is the file *path*."""
    descriptor = open_alone(path)
    try:
        yield descriptor
    finally:
        close_alone(descriptor)


def open_shared(path: Path) -> int | None:
    """Open *path* for reading, not to be removed before it is closed; `None` when it is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)  # waits while it is being published or removed
        here = os.fstat(descriptor).st_nlink > 0
    except BaseException:
        os.close(descriptor)
        raise
    if not here:
        os.close(descriptor)
        return None
    return descriptor


def remove_unused(path: Path) -> bool:
    """Remove a file that nobody has open through this module; False when somebody has."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True
    _alone.add(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_at(descriptor, path):
            path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        close_alone(descriptor)
    return True


def is_at(descriptor: int, path: Path) -> bool:
    """Is the open file still the one that *path* names?"""
    try:
        named = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(descriptor))


def _forget() -> None:
    """In a forked child: let go of locks that its parent's threads hold."""
    for descriptor in _alone:
        os.close(descriptor)
    _alone.clear()


os.register_at_fork(after_in_child=_forget)
