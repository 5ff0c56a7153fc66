"""The bytes of open files."""

from __future__ import annotations

import mmap
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from portable.errors import IntegrityError, InvalidArgument
from portable.storage.bodies import Piece, Source
from portable.storage.digests import Hash
from portable.transfers.walk import file_token

_BLOCK = 1024**2


@contextmanager
def reading(path: str) -> Iterator[Source]:
    """Open a file that is to be stored. A link isn't followed.

    Raises:
        InvalidArgument: it isn't a file, or not any more.
        IntegrityError: from `Source.check`, when it was written to since.
    """
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        before = os.fstat(file)
        if not stat.S_ISREG(before.st_mode):
            raise InvalidArgument("not a file any more")
        left = before.st_size

        def read(size: int) -> Piece:
            nonlocal left
            piece = _piece(file, min(size, left))
            left -= len(piece)
            return piece

        def check() -> None:
            if file_token(os.fstat(file)) != file_token(before):
                raise IntegrityError(
                    "the file was written to while it was being stored; nothing was published"
                )

        yield Source(read, before.st_size, lambda: crc32_of(file), check)
    finally:
        os.close(file)


def _piece(file: int, size: int) -> Piece:
    """The next *size* bytes, fewer at the end.

    A large piece is in pages of its own, which go back to the system with it: the allocator
    would keep some tens of MiB for every thread that ever read one.
    """
    if size < _BLOCK:
        return os.read(file, size)  # one call gives all of it: this is a file, on a disk
    view = memoryview(mmap.mmap(-1, size))
    done = 0
    while done < size and (count := os.readv(file, [view[done:]])):
        done += count
    return view[:done]


def write_at(file: int, offset: int, data: Piece) -> None:
    """Write all of *data*."""
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written


def crc32_of(file: int, start: int = 0, end: int | None = None) -> int:
    """The CRC-32 of an open file's bytes."""
    crc32 = 0
    for block in _read_over(file, start, end):
        crc32 = zlib.crc32(block, crc32)
    return crc32


def digest_of(file: int, start: Callable[[], Hash]) -> bytes:
    """The digest of an open file's bytes by the hash that *start* makes."""
    hashed = start()
    for block in _read_over(file, 0, None):
        hashed.update(block)
    return hashed.digest()


def _read_over(file: int, start: int, end: int | None) -> Iterator[bytes]:
    position = start
    while end is None or position < end:
        size = _BLOCK if end is None else min(_BLOCK, end - position)
        block = os.pread(file, size, position)
        if not block:
            return
        yield block
        position += len(block)
