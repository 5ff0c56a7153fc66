"""Records that may be too many for memory: kept, and sorted, in an unnamed temporary file."""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain, islice

RUN = 50_000  # records in memory at once: some 10 MB
_BLOCK = 64 * 1024
_LENGTH = 4


class Spool:
    """Records in the order they came, read back once all are there."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._end = 0

    def add(self, records: Iterable[bytes]) -> tuple[int, int]:
        """Append *records* and return where they are."""
        start = self._end
        for record in records:
            self._end += self._file.write(len(record).to_bytes(_LENGTH, "big") + record)
        return start, self._end

    def read(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The records from *start* to *end*."""
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
        self._file.close()


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
