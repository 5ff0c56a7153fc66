"""Connections to one file: one for each thread, none open while the process forks.

SQLite keeps a process's file locks in the process's memory. A child that was forked with a
connection open takes locks for held that only its parent holds, and the file can be damaged or
its messages lost, even through connections that the child opens itself. So every connection of
the process is closed before a fork, and opened again by whoever needs it next.

What is to survive a power cut is synced here, after the commit, where SQLite would do so within it:
so nobody waits for the write lock while the disk works, and the syncs of several processes join. A
sync keeps all that was committed before it, by whomever.

Checkpoints are ours: SQLite up to 3.51.2 can damage a file when one process commits while another
checkpoints (https://www.sqlite.org/wal.html#walresetbug). Here nobody can commit meanwhile, since
whoever checkpoints holds the write lock, on a connection of its own.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import sqlite3
import threading
import time
from pathlib import Path
from types import TracebackType
from weakref import WeakSet

from portable.errors import ConfigError, QueueNotFound, Unavailable
from portable_local import folders
from portable_local.errors import translated
from portable_local.queue.errors import meaning_of
from portable_local.queue.file import check, make
from portable_local.queue.places import microseconds

BUSY_SECONDS = 5.0  # how long SQLite itself waits for the write lock
# After so many changes of a page of 4 KiB or more each; SQLite would choose 1,000 pages. A checkpoint
# syncs twice, which commits that aren't synced are to be spared; a log of 16 MiB was slower again.
CHECKPOINT_CHANGES = 400
CHECKPOINT_CHANGES_NOT_DURABLE = 1000
CHECKPOINT_BYTES = 4 * 1024 * 1024

# The log is written where it was written before, so that there is nothing to sync but its content.
_sync = getattr(os, "fdatasync", folders.sync)
_now = time.monotonic
_gate = threading.RLock()  # held while a session is made, and while the process forks
_sessions: WeakSet[Session] = WeakSet()
_held: list[Session] = []


class Connections:
    """What reaches one file.

    Args:
        durable: Is anything to survive a power cut?
        busy: Seconds to wait for another process's transaction.
    """

    def __init__(self, path: Path, *, durable: bool, busy: float) -> None:
        self.path = path
        self.durable = durable
        self.busy = busy
        self.checkpoint_changes = CHECKPOINT_CHANGES if durable else CHECKPOINT_CHANGES_NOT_DURABLE
        self._local = threading.local()

    @property
    def session(self) -> Session:
        """This thread's."""
        try:
            found: Session = self._local.session
        except AttributeError:
            with _gate:
                found = self._local.session = Session(self)
                _sessions.add(found)
        return found

    def make(self) -> None:
        """Make the file, unless there is one."""
        if not self.path.exists():
            with _gate:
                make(self.path)

    def leave_removed(self) -> None:
        """Close the connections if their file was removed: nobody else sees what is written there."""
        if self.session.removed():
            self.close()

    def close(self) -> None:
        """Close the connections of all threads."""
        with _gate:
            for session in [one for one in _sessions if one.serves(self)]:
                session.close()


class Session:
    """One thread's connection, as a context: what SQLite raises comes out as `PortableError`.

    A transaction that is open when an error leaves the block is rolled back.
    """

    def __init__(self, connections: Connections) -> None:
        self._of = connections
        self._turn = threading.RLock()  # a fork waits for it
        self._connection: sqlite3.Connection | None = None
        self._log = -1
        self.mark = 0
        self._secrets = itertools.count()
        self._next = 0
        self._changes = 0
        self._bytes = 0
        self._synced = 0.0  # when it was, last

    def serves(self, connections: Connections) -> bool:
        return self._of is connections

    def removed(self) -> bool:
        """Was the log removed, as with its folder?"""
        with self._turn:
            return self._connection is not None and os.fstat(self._log).st_nlink == 0

    def __enter__(self) -> sqlite3.Connection:
        self._turn.acquire()
        try:
            return self._connection or self._open()
        except BaseException:
            self._turn.release()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is not None:
                self._roll_back()
            if isinstance(error, sqlite3.Error):
                raise meaning_of(error, self._of.path) from error
        finally:
            self._turn.release()

    def numbers(self, now: float, count: int, *, after: int = 0) -> range:
        """Numbers for messages that are sent now, in their order: by the clock, in microseconds.

        With this session's `mark` each is unlike all others, even if the clock was set back.

        Args:
            after: A number that they are to follow.
        """
        first = max(microseconds(now), after + 1, self._next)
        self._next = first + count
        return range(first, self._next)

    def draw_secret(self) -> int:
        """A lease's: 63 bits that no session draws twice."""
        return next(self._secrets)

    def committed(self, size: int = 0, *, unsynced: float = 0.0) -> None:
        """Say that a transaction has ended in which bodies of *size* bytes were written.

        Args:
            unsynced: Leave it to the next sync, where this session's last is less than so many
                seconds ago. With 0 it survives a power cut once this returns, and so does all
                that was committed before it; unless the settings don't ask for that.
        """
        self._changes += 1
        self._bytes += size
        if self._of.durable and _now() - self._synced >= unsynced:
            self._keep()
        if self._changes >= self._of.checkpoint_changes or self._bytes >= CHECKPOINT_BYTES:
            self._checkpoint()

    def hold(self) -> None:
        """Begin to hold the connection; until `close` and `let_go` nobody else has it."""
        self._turn.acquire()

    def let_go(self) -> None:
        self._turn.release()

    def close(self) -> None:
        """Close the connection; the next block opens another."""
        with self._turn:
            connection, self._connection = self._connection, None
            if connection is not None:
                os.close(self._log)
                connection.close()

    def __del__(self) -> None:
        self.close()  # as others may at this moment: a weak reference still finds it

    def _open(self) -> sqlite3.Connection:
        try:
            connection = self._connect()
        except sqlite3.Error as error:
            if not self._of.path.exists():
                raise QueueNotFound(f"there is no file {self._of.path}") from error
            raise meaning_of(error, self._of.path) from error
        try:
            check(connection)
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
            if mode != "wal":
                raise ConfigError(f"the file isn't in WAL mode any more but in {mode!r}")
            connection.execute("PRAGMA synchronous = NORMAL")  # syncs at checkpoints alone
            connection.execute("PRAGMA secure_delete = OFF")  # else what is removed is overwritten
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            # As long as a connection is open, the log stays the same file.
            with translated():
                self._log = os.open(f"{self._of.path}-wal", os.O_RDONLY | os.O_CLOEXEC)
        except sqlite3.Error as error:
            connection.close()
            raise meaning_of(error, self._of.path) from error
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        # Here, so that a forked child has its own. To draw each secret would take 0.6 µs.
        self.mark, self._secrets = secrets.randbits(48), itertools.count(secrets.randbits(62))
        return connection

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{self._of.path.as_uri()}?mode=rw",  # never makes a file
            uri=True,
            timeout=self._of.busy,
            isolation_level=None,
            check_same_thread=False,  # for `close`
        )

    def _roll_back(self) -> None:
        connection = self._connection
        if connection is not None and connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):  # the first error is the one to tell
                connection.execute("ROLLBACK")

    def _keep(self) -> None:
        try:
            _sync(self._log)
        except OSError as error:
            # What a disk failed to keep once it may claim to have the next time: the next
            # checkpoint writes it all elsewhere.
            self._changes = self._of.checkpoint_changes
            raise Unavailable(f"the disk failed: {error.strerror}", ambiguous=True) from error
        self._synced = _now()

    def _checkpoint(self) -> None:
        """Move what was committed from the log to the database, while nobody can commit.

        What was to be committed is, so that a disk that fails here fails nobody's call.
        """
        self._changes = self._bytes = 0
        with self._turn, contextlib.suppress(sqlite3.OperationalError):
            connection = self._connection or self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                with contextlib.closing(self._connect()) as other:
                    other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            finally:
                connection.execute("ROLLBACK")


def _before_fork() -> None:
    _gate.acquire()
    _held[:] = _sessions
    for session in _held:
        session.hold()
        session.close()


def _after_fork() -> None:
    for session in _held:
        session.let_go()
    _held.clear()
    _gate.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
