"""Multipart uploads: staged files that this process keeps open until they are committed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Lock

from portable.errors import IntegrityError, NotFound
from portable.storage.driver import Part, PendingUpload, UploadedPart
from portable_local.staging import Staged


class Upload:
    """A file that parts are being written into."""

    def __init__(self, key: str, staged: Staged) -> None:
        self.key = key
        self.staged = staged
        self.started = datetime.now(UTC)
        self.process = os.getpid()
        self._lock = Lock()  # a part isn't written to a descriptor that was closed meanwhile
        self._received: dict[int, tuple[int, int, int]] = {}

    def write(self, part: Part) -> UploadedPart:
        """Write one part, in its place."""
        size = len(part.body)
        with self._lock:
            if self.staged.fd < 0:
                raise unknown_upload()
            self.staged.write(part.body, part.offset)
            self._received[part.number] = (part.offset, size, part.crc32)
        return UploadedPart(part.number, f"{part.crc32:08x}", size, part.crc32)

    @contextmanager
    def complete(self, parts: Sequence[UploadedPart]) -> Iterator[Staged]:
        """Give the file to be published; on success it takes no more parts.

        Raises:
            IntegrityError: *parts* aren't what came, or leave a gap or a rest.
        """
        with self._lock:
            if self.staged.fd < 0:
                raise unknown_upload()
            self._check(parts)
            yield self.staged
            self.staged.close()

    def close(self) -> None:
        """Drop the file, unless it was published."""
        with self._lock:
            self.staged.close()

    def _check(self, parts: Sequence[UploadedPart]) -> None:
        end = 0
        for part in sorted(parts, key=lambda part: part.number):
            if self._received.get(part.number) != (end, part.size, part.crc32):
                raise IntegrityError(f"part {part.number} isn't what was uploaded at byte {end}")
            end += part.size
        if os.fstat(self.staged.fd).st_size != end:
            raise IntegrityError(f"the parts make {end} bytes, but more were uploaded")


class Uploads:
    """The uploads that were begun here and are open."""

    def __init__(self) -> None:
        self._open: dict[str, Upload] = {}

    def add(self, key: str, staged: Staged) -> str:
        """Keep *staged* and return the upload's id."""
        token = secrets.token_hex(16)
        self._open[token] = Upload(key, staged)
        return token

    def get(self, key: str, token: str) -> Upload:
        """Return an open upload; `NotFound` when it is none of this process's."""
        upload = self._open.get(token)
        if upload is None or upload.key != key or upload.process != os.getpid():
            raise unknown_upload()
        return upload

    def pop(self, token: str) -> Upload | None:
        """Forget an upload and return it; `None` when it is gone already."""
        return self._open.pop(token, None)

    def pending(self, prefix: str) -> Iterator[PendingUpload]:
        """The open uploads whose keys begin with *prefix*."""
        for token, upload in list(self._open.items()):
            if upload.key.startswith(prefix):
                yield PendingUpload(upload.key, token, upload.started)

    def close(self) -> None:
        """Drop all of them."""
        for token in list(self._open):
            upload = self.pop(token)
            if upload is not None:
                upload.close()


def unknown_upload() -> NotFound:
    """The error for an upload that this process didn't begin, or has ended."""
    return NotFound("there is no such upload: it was committed or aborted, or its process ended")
