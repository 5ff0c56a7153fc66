"""Records that may be too many for memory: kept, and sorted, in an unnamed temporary file."""

from __future__ import annotations

import errno
import heapq
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from itertools import chain, islice
from typing import IO

from portable.errors import NoSpace, PortableError

RUN = 50_000  # records in memory at once: some 10 MB
_BLOCK = 64 * 1024
_LENGTH = 4


class Spool:
    """Records in the order they came, read back once all are there."""

    def __init__(self) -> None:
        self._end = 0

    @cached_property
    def _file(self) -> IO[bytes]:
        return tempfile.TemporaryFile()

    def add(self, records: Iterable[bytes]) -> tuple[int, int]:
        """Append *records* and return where they are.

        Raises:
            NoSpace: the disk of temporary files is full.
        """
        start = self._end
        with _written():
            for record in records:
                self._end += self._file.write(len(record).to_bytes(_LENGTH, "big") + record)
        return start, self._end

    def read(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The records from *start* to *end*."""
        if not self._end:
            return
        with _written():
            self._file.flush()
        end = self._end if end is None else end
        held = b""
        while start < end or held:
            if start < end:
                self._file.seek(start)  # several runs are read in turns
                block = self._file.read(min(_BLOCK, end - start))
                start += len(block)
                held += block
            position = 0
            while len(held) - position >= _LENGTH:
                size = int.from_bytes(held[position : position + _LENGTH], "big")
                after = position + _LENGTH + size
                if after > len(held):
                    break
                yield held[position + _LENGTH : after]
                position = after
            held = held[position:]

    def close(self) -> None:
        """Forget them."""
        if "_file" in vars(self):
            with suppress(OSError):  # what isn't written yet isn't wanted either
                self._file.close()


@contextmanager
def _written() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # `tempfile` calls a folder that takes no byte a missing one.
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.ENOENT)
        raise (NoSpace if is_full else PortableError)(
            f"a temporary file can't be written: {error}; TMPDIR can name a folder on another disk"
        ) from error


def in_order(records: Iterable[bytes]) -> Iterator[bytes]:
    """*records* sorted, at most `RUN` of them in memory."""
    given = iter(records)
    first = sorted(islice(given, RUN))
    following = next(given, None)
    if following is None:
        yield from first
        return
    spool = Spool()
    try:
        runs = [spool.add(first)]
        del first
        given = chain([following], given)
        while held := sorted(islice(given, RUN)):
            runs.append(spool.add(held))
        del held
        yield from heapq.merge(*(spool.read(*run) for run in runs))
    finally:
        spool.close()
