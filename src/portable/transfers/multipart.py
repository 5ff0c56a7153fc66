"""Large files into a bucket, so that a killed upload goes on with the parts that are there.

A journal in the user's cache folder holds the upload's id and a line for each part that the
server took. The next run of the same file to the same key reads each part again and sends those
whose CRC-32 isn't in the journal. A server that has dropped the upload gets a new one.
"""

from __future__ import annotations

import hashlib
import json
import threading
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from portable.errors import (
    DeadlineExceeded,
    NotFound,
    Throttled,
    Unavailable,
)
from portable.interrupt import Interrupted
from portable.storage.uploads import Upload
from portable.storage.writes import WriteRequest
from portable.transfers.crew import Cancelled
from portable.transfers.facts import cache_folder

if TYPE_CHECKING:
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


class Dropped(Exception):
    """The server knows nothing of the upload any more: to be begun anew."""


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
        Dropped: what an earlier process began is gone; the same again, from the file's start.
    """
    upload = _Resumed(connection, key, request, source, token, progress)
    try:
        stored = upload.send_all(source)
    except _RESUMABLE:
        upload.leave()
        raise
    except BaseException as error:
        upload.abort()
        upload.journal.remove()
        if upload.resumed and type(error) is NotFound:
            raise Dropped from error
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
        self.resumed = self.journal.upload is not None
        if self.journal.stale is not None:
            connection.call(lambda: connection.driver.abort(key, str(self.journal.stale)))
        if not self.resumed:
            write = self._write.options(self.crc32)
            upload = connection.call(lambda: connection.driver.begin(key, write))
            self.journal.begin(upload, self._write.id)
        self._id, self._write.id = self.journal.upload, self.journal.write_id

    def _send_part(self, upload: str, number: int, offset: int, body: Piece) -> UploadedPart:
        known = self.journal.parts.get(number)
        if known is not None and (known.size, known.crc32) == (len(body), zlib.crc32(body)):
            return known
        part = super()._send_part(upload, number, offset, body)
        self.journal.add(part)
        return part

    def leave(self) -> None:
        """Stop, and keep what the server has."""
        self._drop_pending()


class Journal:
    """What is known of one upload under way.

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
        self._read()

    def begin(self, upload: str, write_id: str) -> None:
        """An upload was begun."""
        self.upload, self.write_id = upload, write_id
        first = {"about": self._about, "upload": upload, "write_id": write_id}
        self._write(first, mode="w")

    def add(self, part: UploadedPart) -> None:
        """The server took a part."""
        self._write([part.number, part.tag, part.size, part.crc32], mode="a")

    def remove(self) -> None:
        """There is nothing to go on with."""
        self._path.unlink(missing_ok=True)

    def _write(self, line: object, *, mode: str) -> None:
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open(mode, encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def _read(self) -> None:
        from portable.storage.driver import UploadedPart

        try:
            first, *rest = self._path.read_text(encoding="utf-8").splitlines()
            known = json.loads(first)
            if known["about"] != self._about:
                self.stale = known["upload"]
                return
            parts = [UploadedPart(*json.loads(line)) for line in rest if line.endswith("]")]
        except (OSError, ValueError, KeyError, TypeError):  # none, or not one of ours
            return
        self.upload, self.write_id = known["upload"], known["write_id"]
        self.parts = {part.number: part for part in parts}
