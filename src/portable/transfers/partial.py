"""Large objects into a file, piece by piece, so that a killed download goes on where it was.

Beside the file are notes: a line for each piece that is whole, with its CRC-32. The next run
reads those pieces back and keeps them where they still have it; the whole is verified at the end.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from portable.storage.checksums import combine
from portable.storage.large import run_all
from portable.storage.pinned import ObjectStream
from portable.storage.reads import verify
from portable.transfers.bytes_of import crc32_of, write_at

if TYPE_CHECKING:
    from portable.storage.bodies import Piece
    from portable.storage.connection import Connection
    from portable.storage.driver import StoredObject

PIECE_BYTES = 16 * 1024**2

Moved = Callable[[int], None]


def mark_of(connection: Connection, info: StoredObject) -> str:
    """A name for what is kept of this revision of this object."""
    settings = connection.settings
    known = (connection.provider, settings.endpoint_id, settings.url, info.key, info.revision)
    return hashlib.blake2b("\0".join(known).encode(), digest_size=12).hexdigest()


class Download:
    """One revision of an object on its way into an open file."""

    def __init__(
        self, connection: Connection, info: StoredObject, file: int, notes: int, moved: Moved
    ) -> None:
        self._connection = connection
        self._info = info
        self._file = file
        self._notes = notes
        self._moved = moved
        self._crcs: dict[int, int] = {}

    def run(self) -> None:
        """Fill the file.

        Raises:
            IntegrityError: the bytes aren't those that were written; nothing is kept.
            ObjectChanged: the object was replaced meanwhile; nothing of this one is of use.
        """
        os.ftruncate(self._file, self._info.size)
        self._take_back()
        starts = range(0, self._info.size, PIECE_BYTES)
        tasks = [partial(self._fetch, start) for start in starts if start not in self._crcs]
        if tasks:
            run_all(self._connection, tasks)
        whole = 0
        for start in starts:
            whole = combine(whole, self._crcs[start], self._end(start) - start)
        try:
            verify(self._connection, self._info, whole)
        except BaseException:
            os.ftruncate(self._notes, 0)
            raise

    def _end(self, start: int) -> int:
        return min(start + PIECE_BYTES, self._info.size)

    def _fetch(self, start: int) -> None:
        stream = ObjectStream(
            self._connection,
            self._info.key,
            start=start,
            end=self._end(start),
            if_match=self._info.revision,
            pinned=True,
        )
        try:
            crc32 = stream.drain(self._write)
        finally:
            stream.close()
        self._crcs[start] = crc32
        os.write(self._notes, f"{start} {crc32:08x}\n".encode())  # appended, one call: whole lines

    def _write(self, offset: int, data: Piece) -> None:
        write_at(self._file, offset, data)
        self._moved(len(data))

    def _take_back(self) -> None:
        notes = os.pread(self._notes, os.fstat(self._notes).st_size, 0).decode("ascii", "replace")
        os.lseek(self._notes, 0, os.SEEK_END)
        for line in notes.splitlines():
            start, crc32 = _noted(line.split(" "))
            ours = start % PIECE_BYTES == 0 and 0 <= start < self._info.size
            if ours and crc32_of(self._file, start, self._end(start)) == crc32:
                self._crcs[start] = crc32


def _noted(words: Sequence[str]) -> tuple[int, int]:
    try:
        start, crc32 = words
        return int(start), int(crc32, 16)
    except ValueError:  # the last line of a killed run
        return -1, 0
