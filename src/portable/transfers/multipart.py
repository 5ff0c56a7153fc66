"""Large files into a bucket, so that a killed upload goes on with the parts that are there.

A journal in the user's cache folder holds the upload's id and a line for each part that the
server took. The next run of the same file to the same key reads each part again and sends those
whose CRC-32 isn't in the journal. A server that has dropped the upload gets a new one.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
import zlib
from collections.abc import Callable
from contextlib import closing
from logging import getLogger
from typing import TYPE_CHECKING, Any

from portable.errors import DeadlineExceeded, PermissionDenied, Throttled, Unavailable
from portable.interrupt import Interrupted
from portable.storage.uploads import Upload
from portable.storage.writes import WriteRequest
from portable.transfers.crew import Cancelled
from portable.transfers.facts import cache_folder

if TYPE_CHECKING:
    from pathlib import Path

    from portable.storage.bodies import Piece, Source
    from portable.storage.connection import Connection
    from portable.storage.driver import StoredObject, UploadedPart

# What passes, and what a person did: the parts are of use to the next run.
_RESUMABLE = (
    Cancelled,
    DeadlineExceeded,
    Interrupted,
    KeyboardInterrupt,
    SystemExit,
    Throttled,
    Unavailable,
)


def store_resumably(
    connection: Connection,
    key: str,
    source: Source,
    request: WriteRequest,
    token: str,
    progress: Callable[[int, int | None], None],
) -> StoredObject:
    """Store *source*, a file with the identity *token*, at the full key *key*.

    Raises:
        NotFound: the server has dropped what was begun; the next call begins anew.
    """
    upload = _Resumed(connection, key, request, source, token, progress)
    with closing(upload.journal):
        upload.begin()
        try:
            stored = upload.send_all(source)
        except _RESUMABLE:
            upload.leave()
            raise
        except BaseException:
            upload.abort()
            upload.journal.remove()
            raise
        upload.journal.remove()
    return stored


class _Resumed(Upload):
    """An upload that may have been begun by another process."""

    def __init__(
        self,
        connection: Connection,
        key: str,
        request: WriteRequest,
        source: Source,
        token: str,
        progress: Callable[[int, int | None], None],
    ) -> None:
        super().__init__(connection, key, request, size=source.size, progress=progress)
        self.crc32 = source.digest() if self.wants_digest else None
        about = {"token": token, "part": self._first_part, "crc32": self.crc32}
        self.journal = Journal(connection, key, about)

    def begin(self) -> None:
        """Go on with what the journal tells of, or begin anew."""
        connection, driver = self._connection, self._connection.driver
        if self.journal.stale is not None:
            connection.call(lambda: driver.abort(self._key, str(self.journal.stale)))
        if self.journal.upload is not None and not self._is_open(self.journal.upload):
            self.journal.forget()
        if self.journal.upload is None:
            write = self._write.options(self.crc32)
            upload = connection.call(lambda: driver.begin(self._key, write))
            self.journal.begin(upload, self._write.id)
        self._id, self._write.id = self.journal.upload, self.journal.write_id

    def _is_open(self, upload: str) -> bool:
        """Has the server its parts still? Azure would put together what is left of them."""
        connection = self._connection
        try:
            return connection.call(
                lambda: any(each.upload == upload for each in connection.driver.uploads(self._key))
            )
        except PermissionDenied:  # to write is allowed, and to list isn't
            return False

    def _send_part(self, upload: str, number: int, offset: int, body: Piece) -> UploadedPart:
        known = self.journal.parts.get(number)
        if known is not None and (known.size, known.crc32) == (len(body), zlib.crc32(body)):
            return known
        part = super()._send_part(upload, number, offset, body)
        self.journal.add(part)
        return part

    def leave(self) -> None:
        """Stop, and keep what the server has, if it can be found again."""
        if self.journal.is_kept:
            self._drop_pending()
        else:
            self.abort()


class Journal:
    """What is known of one upload under way.

    One process at a time keeps it. Where another one does, or it can't be written, there is none,
    and all that is lost is going on after a kill.

    Attributes:
        upload: The server's id of it; `None` where nothing was begun.
        stale: The server's id of one that is of no use any more, for it was of another file.
        write_id: Of the object that it becomes.
        parts: Those that the server has, by number.
    """

    def __init__(self, connection: Connection, key: str, about: dict[str, Any]) -> None:
        """Read it.

        Args:
            key: A full key.
            about: What the upload was begun for. A journal for anything else isn't used.
        """
        settings = connection.settings
        known = [connection.provider, settings.endpoint_id, settings.url, key]
        digest = hashlib.blake2b(json.dumps(known).encode(), digest_size=16).hexdigest()
        self._path = cache_folder() / "uploads" / f"{digest}.jsonl"
        self._about = about
        self._lock = threading.Lock()
        self.upload: str | None = None
        self.stale: str | None = None
        self.write_id = ""
        self.parts: dict[int, UploadedPart] = {}
        self._file: int | None = None
        try:
            self._file = _locked(self._path)
            self._read(self._file)
        except OSError as error:
            self._give_up(error)

    @property
    def is_kept(self) -> bool:
        """Will the next process read it?"""
        return self._file is not None

    def begin(self, upload: str, write_id: str) -> None:
        """An upload was begun."""
        self.upload, self.write_id = upload, write_id
        self._write({"about": self._about, "upload": upload, "write_id": write_id}, anew=True)

    def add(self, part: UploadedPart) -> None:
        """The server took a part."""
        self._write([part.number, part.tag, part.size, part.crc32])

    def forget(self) -> None:
        """What was begun is gone."""
        self.upload, self.parts = None, {}

    def remove(self) -> None:
        """There is nothing to go on with."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let another process have it."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def _write(self, line: object, *, anew: bool = False) -> None:
        with self._lock:
            if self._file is None:
                return
            try:
                if anew:
                    os.ftruncate(self._file, 0)
                os.write(self._file, json.dumps(line).encode() + b"\n")  # appended
                return
            except OSError as error:
                failure = error
        self._give_up(failure)

    def _give_up(self, error: OSError) -> None:
        self.close()
        getLogger("portable.transfers").info("the upload can't be gone on with: %s", error)

    def _read(self, file: int) -> None:
        from portable.storage.driver import UploadedPart

        text = os.pread(file, os.fstat(file).st_size, 0).decode("utf-8", "replace")
        try:
            first, *rest = text.splitlines()
            known = json.loads(first)
            if known["about"] != self._about:
                self.stale = known["upload"]
                return
            parts = [UploadedPart(*json.loads(line)) for line in rest if line.endswith("]")]
        except (ValueError, KeyError, TypeError):  # none, or not one of ours
            return
        self.upload, self.write_id = known["upload"], known["write_id"]
        self.parts = {part.number: part for part in parts}


def _locked(path: Path) -> int:
    """Open the file *path*, made where there is none, for this process alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(file)
        raise
    return file
