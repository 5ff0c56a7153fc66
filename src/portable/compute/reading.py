"""Logs and results: segments that grow, read on from where they were read last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from portable.compute.functions import Outcome, outcome_of
from portable.errors import NotFound

if TYPE_CHECKING:
    from portable.compute.looking import Attempt, Seen
    from portable.compute.records import JobRecord
    from portable.compute.site import Site

TAIL_BYTES = 32 * 1024
TAIL_LINES = 20


class Lines:
    """Whole lines of every attempt's segments, as they come."""

    def __init__(self, site: Site, record: JobRecord, kind: str) -> None:
        self._site = site
        self._record = record
        self._kind = kind
        self._read: dict[str, int] = {}
        self._begun: dict[tuple[int, int], bytes] = {}

    def new(self, seen: Seen, *, last: bool = False) -> Iterator[bytes]:
        """Lines that weren't given yet.

        Args:
            last: Nothing more will come: a line without its end is one.
        """
        for attempt in seen.attempts():
            place = (attempt.shard, attempt.number)
            rest = self._begun.pop(place, b"")
            for name, size in attempt.segments(self._kind):  # a log may have 352 MiB in all
                *whole, rest = (rest + self._more(attempt, name, size)).split(b"\n")
                yield from whole
            if rest and (last or attempt.has("exit.json")):
                yield rest
            elif rest:
                self._begun[place] = rest

    def _more(self, attempt: Attempt, name: str, size: int) -> bytes:
        shelf = self._site.shelf
        key = shelf.attempt(self._record.id, attempt.shard, attempt.number, name)
        begin = self._read.get(key, 0)
        if size <= begin:
            return b""
        data = shelf.bucket.get(key, range=(begin, size))
        self._read[key] = begin + len(data)
        return data


class Results:
    """What calls of a function came to, by their item's index."""

    def __init__(self, site: Site, record: JobRecord) -> None:
        self._lines = Lines(site, record, "results")
        self._known: dict[int, Outcome] = {}

    def update(self, seen: Seen) -> dict[int, Outcome]:
        """All that is known now. What was known first stays: it may have been handed out."""
        for line in self._lines.new(seen):
            if line:
                outcome = outcome_of(line)
                if self._known.get(outcome.index, outcome).error:
                    self._known[outcome.index] = outcome  # a later attempt went better
                self._known.setdefault(outcome.index, outcome)
        return self._known


def shown(line: bytes, record: JobRecord, task: int | None) -> str | None:
    """A line of the log as text; `None` where it isn't of *task*."""
    text = line.decode(errors="replace").removesuffix("\r")
    if task is None or record.count == 1:
        return text
    mark = f"[{task}] "
    return text.removeprefix(mark) if text.startswith(mark) else None


def tail(site: Site, record: JobRecord, seen: Seen, task: int) -> list[str]:
    """The last lines of a task's log, for an error's text."""
    last = seen.last(task % record.shards)
    if last is None:
        return []
    shelf = site.shelf
    data = b""
    for name, _ in reversed(last.segments("log")):
        key = shelf.attempt(record.id, last.shard, last.number, name)
        try:
            data = shelf.bucket.get(key, range=(-TAIL_BYTES, None)) + data
        except NotFound:
            break
        if len(data) >= TAIL_BYTES:
            break
    lines = [shown(line, record, task) for line in data.splitlines()]
    return [line for line in lines if line is not None][-TAIL_LINES:]
