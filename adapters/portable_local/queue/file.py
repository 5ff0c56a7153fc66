"""The database's file: made whole, recognised, and on a disk that SQLite can share."""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from pathlib import Path

from portable.errors import ConfigError
from portable_local.errors import translated
from portable_local.folders import sync

APPLICATION_ID = 0x504F5251  # "PORQ", in the file's header: the file is ours
LAYOUT = 3  # in the header too, as its user version

# A longer body has a place of its own, so that a message stays light to move.
BODY_MAX = 600

# Beside these, each queue has a table of its messages.
_TABLES = """
CREATE TABLE large(id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE sent(
    queue TEXT NOT NULL,
    dedup_id TEXT NOT NULL,
    message TEXT NOT NULL,
    until REAL NOT NULL,
    PRIMARY KEY(queue, dedup_id)
) WITHOUT ROWID;
CREATE INDEX sent_until ON sent(until);
"""
# File systems whose files several machines may have open: WAL's shared memory isn't shared there.
_NETWORK = {"9p", "afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "gpfs"}
_NETWORK |= {"lustre", "nfs", "nfs4", "smb3", "smbfs"}
_MOUNTS = Path("/proc/self/mountinfo")


def make(path: Path) -> None:
    """Make the file, for its owner only, unless there is one.

    It is complete before it has its name, so that no process ever sees a part of it.
    """
    with translated():
        _make_folder(path.parent)
        _refuse_network(path.parent)
        _refuse_leftover(path)
        staged = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        os.close(os.open(staged, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with contextlib.closing(sqlite3.connect(staged, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(
                f"BEGIN; {_TABLES} PRAGMA application_id = {APPLICATION_ID}; "
                f"PRAGMA user_version = {LAYOUT}; COMMIT"
            )
        with translated():
            with contextlib.suppress(FileExistsError):
                os.link(staged, path)
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                sync(folder)
            finally:
                os.close(folder)
    finally:
        for leftover in ("", "-wal", "-shm"):
            staged.with_name(staged.name + leftover).unlink(missing_ok=True)


def check(connection: sqlite3.Connection) -> None:
    """See that the open file is a database of ours.

    Raises:
        ConfigError: it is another program's, or was made by a newer version.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise ConfigError(
            "the file is a database of another program: set 'path' to another, or move it away"
        )
    if layout != LAYOUT:
        raise ConfigError(
            f"the file has layout {layout} and this version reads {LAYOUT}: empty its queues "
            f"with the version that made it, then move it away; or upgrade 'portable-cloud'"
        )


def _make_folder(folder: Path) -> None:
    if folder.is_file():
        raise ConfigError(f"{folder} is no folder: set 'path' to another file")
    if not folder.is_dir():
        _make_folder(folder.parent)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(0o700)


def _refuse_leftover(path: Path) -> None:
    """SQLite would take the log of a file that was removed for the new one's."""
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and not path.exists():  # in this order: who makes a file makes its log later
        raise ConfigError(
            f"there is {log}, and the file that it belongs to was removed: stop what uses it, "
            f"and remove it and {path.name}-shm, too"
        )


def _refuse_network(folder: Path) -> None:
    kind = _file_system(folder)
    if kind in _NETWORK:
        raise ConfigError(
            f"{folder} is on a file system that machines share ({kind}), and SQLite would lose "
            f"messages there: set 'path' to a file on a disk of this machine, or use the "
            f"provider 'postgres'"
        )


def _file_system(folder: Path) -> str:
    """The kind of file system, where Linux tells; else nothing."""
    device = os.stat(folder).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    with contextlib.suppress(FileNotFoundError):
        for line in _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines():
            place, _, kind = line.partition(" - ")
            if place.split()[2] == wanted:
                return kind.split()[0]
    return ""
