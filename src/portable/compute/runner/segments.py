"""What a job says, in numbered objects, the last of which is rewritten while it grows.

One thread appends and never waits for storage; another one flushes. What is kept in memory is
bounded: some 50 MiB at the most, and that only while there is that much to say.
"""

from __future__ import annotations

import threading

from .failures import StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .store import Store

MIB = 1024 * 1024
SEGMENTS = 64
ROOM = 8 * MIB  # that wait for their first flush, until nothing more is read
PENDING_MAX = 24 * MIB  # that wait, until more is left out
TAIL_MAX = 64 * 1024  # of what is left out, its end is kept


def closed_at(number: int) -> int:
    """Bytes at which a segment is full."""
    return MIB if number < 32 else 4 * MIB if number < 48 else 16 * MIB


class Segments:
    """A log, or the results of functions.

    A log goes on without what storage doesn't take: what is left out is counted, and its end kept
    for a better time. Results are never left out: who appends asks `has_room` before.
    """

    def __init__(self, store: Store, kind: str, *, lossy: bool) -> None:
        self._store = store
        self._kind = kind
        self._lossy = lossy
        self._lock = threading.Condition()
        self._pending = bytearray()
        self._gap = _Gap()
        self._number = 0
        self._segment = bytearray()
        self._said = 0  # bytes of the segment that storage has
        self.wanted = threading.Event()  # a flush, before its time
        self.failing = False
        self.used = 0
        self.bytes = 0
        self.dropped = 0

    @property
    def is_full(self) -> bool:
        """Has the last segment what it may have?"""
        return self._number == SEGMENTS

    def has_room(self) -> bool:
        """Is it worth appending more now? If not, it will be, or storage fails."""
        if self.is_full or (self._lossy and self.failing):
            return True
        return len(self._pending) < ROOM

    def wait_for_room(self, seconds: float) -> None:
        """Wait until a flush has made room, not longer than *seconds*."""
        with self._lock:
            if not self.has_room():
                self._lock.wait(seconds)

    def append(self, data: bytes) -> None:
        """Take what is to be said; never waits."""
        with self._lock:
            fits = not self._gap.size and not self.is_full
            if not self._lossy or (fits and len(self._pending) + len(data) <= PENDING_MAX):
                self._pending += data
            else:
                self._gap.add(data)
            if len(self._pending) >= ROOM // 2:
                self.wanted.set()

    def flush(self) -> None:
        """Store what has come; one try.

        Raises:
            StoreError: what has come waits for the next flush.
        """
        self.wanted.clear()
        if not self._is_unsaid and not self._take():
            return
        try:
            self._store.put(f"{self._kind}/{self._number:04d}", self._segment)
        except StoreError:
            self.failing = True
            with self._lock:
                self._lock.notify_all()
            raise
        self.failing = False
        self.used = self._number + 1
        self.bytes += len(self._segment) - self._said
        self._said = len(self._segment)
        if len(self._segment) >= closed_at(self._number):
            with self._lock:
                self._number += 1
                if self.is_full:
                    self._gap = self._gap.after(self._pending)
                    self._pending.clear()
                    self._lock.notify_all()
                else:
                    self._segment = bytearray()
                    self._said = 0

    def is_flushed(self) -> bool:
        """Has storage all that was said, but for what the last segment has no room for?"""
        return not self._is_unsaid and not self._pending and (self.is_full or not self._gap.size)

    def end(self) -> None:
        """Put the end of what was left out after all the rest; flush once more afterwards."""
        if self.is_full and self._gap.size:
            self._number -= 1
            with self._lock:
                self._take_gap()

    def give_up(self) -> None:
        """Count what storage didn't take as left out."""
        unsaid = len(self._segment) - self._said
        self.dropped += len(self._pending) + self._gap.size + unsaid

    @property
    def _is_unsaid(self) -> bool:
        return self._said < len(self._segment)

    def _take(self) -> bool:
        with self._lock:
            if self.is_full or not (self._pending or self._gap.size):
                return False
            self._segment += self._pending
            self._pending.clear()
            if self._gap.size:
                self._take_gap()
            self._lock.notify_all()
            return True

    def _take_gap(self) -> None:
        text = self._gap.told()
        self.dropped += self._gap.size - len(self._gap.tail)
        self._segment += text
        self._gap = _Gap()


class _Gap:
    """What there was no room for."""

    def __init__(self) -> None:
        self.size = 0
        self.tail = bytearray()

    def add(self, data: bytes | bytearray) -> None:
        self.size += len(data)
        self.tail += data
        if len(self.tail) > TAIL_MAX * 2:
            del self.tail[:-TAIL_MAX]

    def after(self, data: bytes | bytearray) -> _Gap:
        """One in which *data* came before the rest."""
        gap = _Gap()
        gap.add(data)
        gap.add(self.tail)
        gap.size += self.size - len(self.tail)
        return gap

    def told(self) -> bytes:
        del self.tail[:-TAIL_MAX]
        left_out = self.size - len(self.tail)
        if not left_out:
            return bytes(self.tail)
        return b"\n[portable] %d bytes of the log are left out here\n" % left_out + self.tail
