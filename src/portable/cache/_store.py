"""The cached files of one folder, shared by many processes, within a size limit.

A file is filled under a name ending in ``.part``, which its process holds locked, and renamed
when it is whole. A killed process leaves a part that isn't locked: the next one to want it takes
it over, and every tidying up removes it. Who reads a file shares its lock, and only files that
nobody has locked are removed.
"""

from __future__ import annotations

import os
import secrets
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from logging import getLogger
from pathlib import Path
from typing import NamedTuple

from portable.cache import _locks
from portable.cache._entries import Entry, Wanted, part_size

BLOCK_BYTES = 1024**2
# Times of use are this much ahead of the files' other times: else (mount option relatime) the
# first read would set them again, by the kernel's clock, which may tick every 10 ms only.
AHEAD_NS = 20_000_000

Fill = Callable[[int], int]


class NoRoom(Exception):
    """It doesn't fit: it is larger than the cache, or all the rest is being used."""


class Lease(NamedTuple):
    """A cached file that isn't removed before `os.close(lease.descriptor)`."""

    descriptor: int
    path: Path
    entry: Entry


class Store:
    """One folder."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._verified: dict[str, tuple[int, int]] = {}

    def find(self, wanted: Wanted) -> Lease | None:
        """Open a whole, verified file, now the one used last; `None` when there is none."""
        folder = self._home(wanted)
        with suppress(FileNotFoundError):
            for name in os.listdir(folder):  # noqa: PTH208
                entry = Entry.parse(name)
                if entry is not None and wanted.fits(entry):
                    lease = self._open(folder / name, entry)
                    if lease is not None:
                        return lease
        return None

    def get(self, wanted: Wanted, size: int, fill: Fill) -> Lease:
        """Open the file of one revision, filling it where nobody else does.

        Args:
            size: Bytes.
            fill: Writes all of them to a descriptor and returns their CRC-32.

        Raises:
            NoRoom: it can't be kept.
        """
        folder = self._home(wanted)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = folder / wanted.part(size)
        if (lease := self.find(wanted)) is not None:
            return lease
        while True:
            descriptor = _own(part)
            lease = self._publish(descriptor, part, wanted, size, fill)
            if lease is not None:
                self._drop_others(lease)
                return lease

    @contextmanager
    def outside(self, wanted: Wanted, size: int, fill: Fill) -> Iterator[Path]:
        """A file that can't be kept, beyond the limit, for as long as the block lasts."""
        folder = self._home(wanted)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        alone = Wanted(wanted.place, secrets.token_hex(8))
        part = folder / alone.part(size)
        descriptor = _own(part)
        try:
            fill(descriptor)
            yield part
        finally:
            part.unlink(missing_ok=True)
            _locks.close_alone(descriptor)

    def drop(self, lease: Lease) -> None:
        """Close and remove a file that isn't what it should be."""
        lease.path.unlink(missing_ok=True)
        os.close(lease.descriptor)

    def used(self) -> int:
        """Bytes of all files, those being filled as large as they will be."""
        with self._usage():
            return sum(each.size for each in self._scan())

    def clear(self) -> None:
        """Remove every file that isn't being used."""
        with self._usage() as usage:
            self._evict(usage, room_for=self._max_bytes)

    def _home(self, wanted: Wanted) -> Path:
        return self._folder / "objects" / wanted.place[:3]

    def _open(self, path: Path, entry: Entry) -> Lease | None:
        descriptor = _locks.open_shared(path)
        if descriptor is None:
            return None
        lease = Lease(descriptor, path, entry)
        try:
            whole = self._is_whole(lease)
        except BaseException:
            os.close(descriptor)
            raise
        if not whole:
            getLogger("portable.cache").warning(
                "the cached file %s was damaged; it is fetched again", path
            )
            self.drop(lease)
            return None
        _touch(descriptor)
        return lease

    def _is_whole(self, lease: Lease) -> bool:
        """Its size is right, and its CRC-32 where this process hasn't looked since it changed."""
        status = os.fstat(lease.descriptor)
        seen = status.st_ino, status.st_mtime_ns
        if status.st_size != lease.entry.size:
            return False
        if self._verified.get(lease.path.name) == seen:
            return True
        if crc32_of(lease.descriptor) != lease.entry.crc32:
            return False
        self._verified[lease.path.name] = seen
        return True

    def _publish(
        self, descriptor: int, part: Path, wanted: Wanted, size: int, fill: Fill
    ) -> Lease | None:
        """Fill the locked *part* and publish it; `None` when it was removed at once."""
        try:
            found = self.find(wanted)  # it may have been published while we waited
            if found is not None:
                part.unlink()
                _locks.close_alone(descriptor)
                return found
            self._reserve(size)
            os.ftruncate(descriptor, 0)
            crc32 = fill(descriptor)
            path = part.with_name(wanted.name(size, crc32))
            _touch(descriptor)
            part.rename(path)
        except BaseException:
            part.unlink(missing_ok=True)
            _locks.close_alone(descriptor)
            raise
        _locks.share(descriptor)
        status = os.fstat(descriptor)
        if not status.st_nlink:  # between the two locks
            os.close(descriptor)
            return None
        self._verified[path.name] = status.st_ino, status.st_mtime_ns
        return Lease(descriptor, path, Entry(wanted.place, str(wanted.revision), size, crc32))

    def _drop_others(self, lease: Lease) -> None:
        """Remove other revisions of the same object, but for those being read."""
        for name in os.listdir(lease.path.parent):  # noqa: PTH208
            entry = Entry.parse(name)
            if entry is not None and entry.place == lease.entry.place and name != lease.path.name:
                _locks.remove_unused(lease.path.with_name(name))

    def _reserve(self, size: int) -> None:
        """Count a part that is about to be filled, and make room for it.

        The count is never too low: what dies or fails stays counted until the next tidying up,
        which looks at the files themselves.
        """
        if size > self._max_bytes:
            raise NoRoom
        with self._usage() as usage:
            counted = _read_count(usage)
            if counted is None or counted + size > self._max_bytes:
                if self._evict(usage) > self._max_bytes:
                    raise NoRoom
            else:
                _write_count(usage, counted + size)

    def _evict(self, usage: int, *, room_for: int = 0) -> int:
        """Remove the files used longest ago until the rest fits; return its bytes."""
        found = list(self._scan())
        total = sum(each.size for each in found)
        whole = sorted((each for each in found if each.whole), key=lambda each: each.used)
        fits = total + room_for <= self._max_bytes
        # More than has to be, so that not every fill of a full cache looks at every file.
        spare = 0 if fits else len(whole) // 100
        for each in whole:
            if total + room_for <= self._max_bytes:
                if spare == 0:
                    break
                spare -= 1
            if _locks.remove_unused(each.path):
                self._verified.pop(each.path.name, None)
                total -= each.size
        _write_count(usage, total)
        return total

    def _scan(self) -> Iterator[_Seen]:
        """Every file; parts that nobody fills are removed."""
        with suppress(FileNotFoundError):
            for home in os.scandir(self._folder / "objects"):
                for file in os.scandir(home.path):
                    size = part_size(file.name)
                    if size is not None:
                        if not _locks.remove_unused(Path(file.path)):
                            yield _Seen(False, 0, Path(file.path), size)
                    elif Entry.parse(file.name) is not None:
                        with suppress(FileNotFoundError):
                            status = file.stat(follow_symlinks=False)
                            yield _Seen(True, status.st_atime_ns, Path(file.path), status.st_size)

    @contextmanager
    def _usage(self) -> Iterator[int]:
        with _locks.locked(self._folder / "usage") as descriptor:
            yield descriptor


class _Seen(NamedTuple):
    """A file, and when it was used last; one that isn't whole is being filled."""

    whole: bool
    used: int
    path: Path
    size: int


def _own(part: Path) -> int:
    """Open and lock *part*. Whoever had it before may have published or removed it."""
    while True:
        descriptor = _locks.open_alone(part)
        if _locks.is_at(descriptor, part):
            return descriptor
        _locks.close_alone(descriptor)


def crc32_of(descriptor: int) -> int:
    """The CRC-32 of a whole open file."""
    crc32, offset = 0, 0
    while block := os.pread(descriptor, BLOCK_BYTES, offset):
        crc32 = zlib.crc32(block, crc32)
        offset += len(block)
    return crc32


def _touch(descriptor: int) -> None:
    """Say that a file was used now; its other time tells whether somebody wrote to it."""
    used = time.time_ns() + AHEAD_NS
    with suppress(PermissionError):  # another user's file in a shared folder
        os.utime(descriptor, ns=(used, os.fstat(descriptor).st_mtime_ns))


def _read_count(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None


def _write_count(descriptor: int, count: int) -> None:
    os.pwrite(descriptor, f"{count:<31}\n".encode(), 0)
