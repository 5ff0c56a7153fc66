"""What a transfer did: counts, and the first of its failures and changes by name."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from portable.errors import PortableError

LISTED = 100  # failures and changes that a report names; the counts are of all

Action = Literal["send", "delete"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that was not transferred, or not deleted.

    Attributes:
        name: Below the source or the target; bytes that aren't UTF-8 are shown as ``\\xNN``.
        error: Why.
    """

    name: str
    error: PortableError

    @property
    def reason(self) -> str:
        """Why, in words."""
        return self.error.message


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was done, or in a dry run would be done, to the target.

    Attributes:
        action: ``"send"`` or ``"delete"``.
        name: Below the source and the target.
        size: Bytes.
    """

    action: Action
    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferReport:
    """What a transfer did; in a dry run, what it would do.

    Attributes:
        sent: Objects or files that the target has now and had not.
        skipped: Those that it had already.
        deleted: Those removed from the target.
        failed: Those that could not be sent or deleted.
        bytes: Moved, those of transfers that failed later included; in a dry run, to be moved.
        skipped_bytes: Of what was skipped.
        seconds: It took.
        failures: The first 100.
        changes: The first 100.
        dry_run: Nothing was changed.
    """

    sent: int = 0
    skipped: int = 0
    deleted: int = 0
    failed: int = 0
    bytes: int = 0
    skipped_bytes: int = 0
    seconds: float = 0.0
    failures: tuple[Failure, ...] = ()
    changes: tuple[Change, ...] = field(default=(), repr=False)
    dry_run: bool = False

    @property
    def ok(self) -> bool:
        """Nothing failed."""
        return not self.failed

    def raise_for_failures(self) -> None:
        """Raise the first failure's error, if there is one."""
        for failure in self.failures:
            raise failure.error


TransferProgress = Callable[[TransferReport], None]


def merged(reports: Iterable[TransferReport], seconds: float) -> TransferReport:
    """The report of a transfer that was done in pieces, side by side."""
    whole = TransferReport(seconds=seconds)
    for each in reports:
        whole = replace(
            whole,
            sent=whole.sent + each.sent,
            skipped=whole.skipped + each.skipped,
            deleted=whole.deleted + each.deleted,
            failed=whole.failed + each.failed,
            bytes=whole.bytes + each.bytes,
            skipped_bytes=whole.skipped_bytes + each.skipped_bytes,
            failures=(whole.failures + each.failures)[:LISTED],
            changes=(whole.changes + each.changes)[:LISTED],
            dry_run=each.dry_run,
        )
    return whole


class Recorder:
    """Counts, from many threads."""

    def __init__(self, *, dry_run: bool) -> None:
        self._lock = threading.Lock()
        self._begin = time.monotonic()
        self._dry_run = dry_run
        self._sent = self._skipped = self._deleted = self._failed = 0
        self._bytes = self._skipped_bytes = 0
        self._failures: list[Failure] = []
        self._changes: list[Change] = []

    def sent(self, name: str, size: int) -> None:
        """The target has *name* now."""
        with self._lock:
            self._sent += 1
            self._note(Change("send", name, size))

    def skipped(self, size: int) -> None:
        """The target had it, *size* bytes."""
        with self._lock:
            self._skipped += 1
            self._skipped_bytes += size

    def deleted(self, name: str, size: int) -> None:
        """The target has *name* no more."""
        with self._lock:
            self._deleted += 1
            self._note(Change("delete", name, size))

    def failed(self, name: str, error: PortableError) -> None:
        """*name* is as it was in the target."""
        with self._lock:
            self._failed += 1
            if len(self._failures) < LISTED:
                self._failures.append(Failure(name, error))

    def moved(self, size: int) -> None:
        """So many bytes more."""
        with self._lock:
            self._bytes += size

    def report(self) -> TransferReport:
        """So far."""
        with self._lock:
            return TransferReport(
                sent=self._sent,
                skipped=self._skipped,
                deleted=self._deleted,
                failed=self._failed,
                bytes=self._bytes,
                skipped_bytes=self._skipped_bytes,
                seconds=time.monotonic() - self._begin,
                failures=tuple(self._failures),
                changes=tuple(self._changes),
                dry_run=self._dry_run,
            )

    def _note(self, change: Change) -> None:
        if len(self._changes) < LISTED:
            self._changes.append(change)
