"""SQLite's result codes as `portable.errors`: one table, one place."""

from __future__ import annotations

import contextlib
import resource
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from portable.errors import (
    ConfigError,
    IntegrityError,
    InvalidArgument,
    NoSpace,
    PermissionDenied,
    PortableError,
    QueueNotFound,
    Unavailable,
)


class Meaning(NamedTuple):
    """What a code says to users.

    Attributes:
        text: What to do; SQLite's own words come after it.
    """

    kind: type[PortableError]
    text: str
    ambiguous: bool = False


_CORRUPT = (
    "the file is damaged: stop what uses it, move it away together with its -wal and -shm files, "
    "and save what is left with `sqlite3 FILE .recover`"
)
_DISK = Meaning(Unavailable, "the disk failed", ambiguous=True)
_FULL = Meaning(NoSpace, "the disk is full; what was sent before is unharmed")

# Names and meanings: https://www.sqlite.org/rescode.html. Extended codes come first; those that
# have no row are read as their primary code.
BY_CODE: Mapping[int, Meaning] = {
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: Meaning(
        Unavailable, "too many messages are to come back at one moment"
    ),
    sqlite3.SQLITE_IOERR_SHMSIZE: _FULL,
    sqlite3.SQLITE_BUSY: Meaning(Unavailable, "another program keeps the file locked"),
    sqlite3.SQLITE_LOCKED: Meaning(Unavailable, "another program keeps the file locked"),
    sqlite3.SQLITE_PROTOCOL: Meaning(Unavailable, "too many programs open the file at once"),
    sqlite3.SQLITE_INTERRUPT: Meaning(Unavailable, "the call was interrupted"),
    sqlite3.SQLITE_NOMEM: Meaning(Unavailable, "there is no memory left"),
    sqlite3.SQLITE_IOERR: _DISK,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_CANTOPEN: Meaning(
        PermissionDenied, "the file can't be opened: its folder must be writable too"
    ),
    sqlite3.SQLITE_PERM: Meaning(PermissionDenied, "the file may not be used"),
    sqlite3.SQLITE_READONLY: Meaning(
        PermissionDenied, "the file can't be written: see to its permissions and its folder's"
    ),
    sqlite3.SQLITE_TOOBIG: Meaning(InvalidArgument, "the message is too large"),
    sqlite3.SQLITE_CORRUPT: Meaning(IntegrityError, _CORRUPT),
    sqlite3.SQLITE_NOTADB: Meaning(
        ConfigError, "the file is no SQLite database: set 'path' to another, or move it away"
    ),
}
_UNKNOWN = Meaning(PortableError, "SQLite failed", ambiguous=True)


def meaning_of(error: sqlite3.Error, path: Path) -> PortableError:
    """The `PortableError` for what SQLite said of the file at *path*."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # the module's own, such as that of a closed connection
        return Unavailable(f"the connection was closed meanwhile: {error}", ambiguous=True)
    if code == sqlite3.SQLITE_ERROR and str(error).startswith("no such table: queue "):
        return QueueNotFound("there is no such queue")
    meaning = BY_CODE.get(code) or BY_CODE.get(code & 0xFF, _UNKNOWN)
    if meaning is _DISK:
        meaning = _limited(path) or _DISK
    name = getattr(error, "sqlite_errorname", code)
    return meaning.kind(f"{meaning.text} ({name}: {error})", ambiguous=meaning.ambiguous)


def _limited(path: Path) -> Meaning | None:
    """What it means that a file is as large as this process may write: SQLite has no code for it."""
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit == resource.RLIM_INFINITY:
        return None
    for name in (path.name, f"{path.name}-wal"):
        with contextlib.suppress(OSError):
            if path.with_name(name).stat().st_size >= limit:
                return Meaning(
                    NoSpace,
                    f"this process may write files of at most {limit:,} bytes, and {name} has "
                    f"come to that: raise the limit (`ulimit -f`); what was sent before is unharmed",
                )
    return None
