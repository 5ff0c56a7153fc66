"""What earlier transfers proved equal, so that nobody has to compare it again.

A fact is "the file with this identity and the object of this revision hold the same bytes". It
is learned when one was made from the other or both were read, and it is about tokens that change
with the content; so it needs no date and no clock, and losing it only costs a comparison.

Facts hold until the machine restarts: after a power cut a file may be there and its bytes not.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from contextlib import closing
from logging import getLogger
from pathlib import Path

AT_ONCE = 500
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def cache_folder() -> Path:
    """Where transfers keep what they know; safe to delete."""
    chosen = os.environ.get("PORTABLE_CACHE")
    if chosen:
        return Path(chosen) / "transfers"
    from platformdirs import user_cache_path

    return user_cache_path("portable") / "transfers"


class Facts:
    """Facts about two places. Safe in threads, and in several processes."""

    def __init__(self, source: str, target: str) -> None:
        """Open them.

        Args:
            source: What names the one place for good, as *target* does the other; which is
                which doesn't matter.
        """
        self._swapped = target < source
        self._boot = _boot_id()
        self._lock = threading.Lock()
        self._new: dict[int, bytes] = {}
        pair = "\0".join(sorted((source, target))).encode()
        self._database = self._open(hashlib.blake2b(pair, digest_size=16).hexdigest())

    def holds(self, name: str, source: str, target: str) -> bool:
        """Are the two known to be equal?

        Args:
            name: Of both.
            source: The token of the source's.
            target: The token of the target's.
        """
        if self._database is None:
            return False
        key, value = self._digest(name, source, target)
        with self._lock:
            try:
                found = self._database.execute("SELECT value FROM facts WHERE key = ?", (key,))
                row = found.fetchone()
            except sqlite3.Error as error:
                self._give_up(error)
                return False
        return row is not None and row[0] == value

    def learn(self, name: str, source: str, target: str) -> None:
        """They are equal; arguments as in `holds`."""
        if self._database is None:
            return
        key, value = self._digest(name, source, target)
        with self._lock:
            self._new[key] = value
            if len(self._new) >= AT_ONCE:
                self._write()

    def close(self) -> None:
        """Keep what was learned."""
        with self._lock:
            self._write()
            if self._database is not None:
                self._database.close()
                self._database = None

    def _digest(self, name: str, source: str, target: str) -> tuple[int, bytes]:
        first, second = (target, source) if self._swapped else (source, target)
        whole = json.dumps([name, first, second, self._boot]).encode()
        key = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        value = hashlib.blake2b(whole, digest_size=16).digest()
        return int.from_bytes(key, "big", signed=True), value

    def _write(self) -> None:
        if self._database is None or not self._new:
            return
        try:
            with self._database:
                self._database.executemany(
                    "INSERT OR REPLACE INTO facts VALUES (?, ?)", self._new.items()
                )
        except sqlite3.Error as error:
            self._give_up(error)
        self._new.clear()

    def _open(self, name: str) -> sqlite3.Connection | None:
        if not self._boot:
            return None
        path = cache_folder() / "facts" / f"{name}.sqlite"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                return _connected(path)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):  # locked, or not to be opened
                    raise
                path.unlink()  # damaged, as a power cut may leave it: it is a cache
                return _connected(path)
        except (OSError, sqlite3.Error) as error:
            self._give_up(error)
            return None

    def _give_up(self, error: Exception) -> None:
        self._database = None
        getLogger("portable.transfers").info("not remembered for the next transfer: %s", error)


def _connected(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=5, check_same_thread=False)
    try:
        with closing(database.cursor()) as cursor:
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.execute("PRAGMA synchronous = OFF")
            cursor.execute(
                "CREATE TABLE IF NOT EXISTS facts (key INTEGER PRIMARY KEY, value BLOB NOT NULL)"
            )
        database.commit()
    except BaseException:
        database.close()
        raise
    return database


def _boot_id() -> str:
    """Empty where it can't be known; then nothing is remembered."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""
