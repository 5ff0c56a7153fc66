"""Checks of every operation, by really using it on scratch objects that are removed again."""

from __future__ import annotations

import secrets
import urllib.error
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

from portable.cli.doctor.checks import Checks, Failed, Skipped
from portable.cli.doctor.reach import SCRATCH, open_url, untrusted
from portable.errors import (
    AlreadyExists,
    PortableError,
    PreconditionFailed,
    Unsupported,
)
from portable.storage.content_types import DEFAULT
from portable.storage.driver import Part, UploadedPart, WriteOptions

if TYPE_CHECKING:
    from portable.storage import Bucket

SECTION = "objects"
OBJECT_BYTES = 1024
FIRST_PART_BYTES = 5 * 1024**2
METADATA = {"made_by": "portable doctor"}


def prove_objects(checks: Checks, bucket: Bucket) -> None:
    """Use every operation; nothing is left behind, also after Ctrl-C."""
    scratch = _Scratch(bucket)
    access = ("rules", "name", "answer", "credentials", "bucket")

    def run(name: str, operation: str, *needs: str) -> None:
        prove = getattr(scratch, name)
        checks.run(
            SECTION, name, prove, needs=(*access, *needs), bucket=bucket, operation=operation
        )

    try:
        run("write", "put")
        run("read", "get", "write")
        run("stat", "stat", "write")
        run("listed", "list", "write", "list")
        run("if_absent", "put", "write")
        run("if_match", "put", "write")
        run("multipart", "multipart", "write")
        run("abort", "abort", "write")
        run("copy", "copy", "write")
        run("sign", "sign", "write")
        run("delete", "delete", "write")
    finally:
        if scratch.made:
            run("cleanup", "delete")


class _Scratch:
    """Objects below a folder that nobody else has."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._folder = f"{SCRATCH}/{secrets.token_hex(8)}"
        self._data = secrets.token_bytes(OBJECT_BYTES)
        self._write = WriteOptions(content_type=DEFAULT, metadata={})
        self._open: list[tuple[str, str]] = []
        self.made: list[str] = []

    def write(self) -> str:
        key = self._key("object")
        self._bucket.put(key, self._data, metadata=METADATA)
        return f"{OBJECT_BYTES} bytes at {key}"

    def read(self) -> str:
        self._expect("object", self._data)
        return "the same bytes"

    def stat(self) -> str:
        info = self._bucket.stat(self._key("object"))
        if info.size != OBJECT_BYTES or info.metadata != METADATA or info.content_type != DEFAULT:
            raise Failed(
                f"it tells of {info.size} bytes of {info.content_type} with {info.metadata}, "
                f"not of {OBJECT_BYTES} of {DEFAULT} with {METADATA}"
            )
        return "size, content type and metadata"

    def listed(self) -> str:
        keys = [info.key for info in self._bucket.list(f"{self._folder}/")]
        if self._key("object") not in keys:
            raise Failed("a listing after the write doesn't have the object")
        return "the object is in it"

    def if_absent(self) -> str:
        self._need(self._bucket.capabilities.put_if_absent, "if_absent")
        key, other = self._key("new"), self._data[::-1]
        try:
            self._bucket.put(key, self._data, if_absent=True)
            self._bucket.put(key, other, if_absent=True)
        except AlreadyExists:
            if self._bucket.get(key) == self._data:
                return "the second is refused, and the object is as it was"
            raise self._ignored(
                "if_absent is refused, and the object is changed all the same"
            ) from None
        except Unsupported as error:
            raise self._ignored(error.message) from error
        raise self._ignored("if_absent: the second put replaced the object")

    def if_match(self) -> str:
        self._need(self._bucket.capabilities.put_if_match, "if_match")
        key, newer, newest = self._key("revised"), self._data[::-1], self._data[1:]
        stale = self._bucket.put(key, self._data).revision
        current = self._bucket.put(key, newer).revision
        try:
            self._bucket.put(key, newest, if_match=stale)
        except PreconditionFailed:
            if self._bucket.get(key) != newer:
                raise self._ignored(
                    "if_match is refused, and the object is changed all the same"
                ) from None
        except Unsupported as error:
            raise self._ignored(error.message) from error
        else:
            raise self._ignored("if_match: a put with an old revision replaced the object")
        self._bucket.put(key, newest, if_match=current)
        self._expect("revised", newest)
        return "an old revision is refused, the current one isn't"

    def multipart(self) -> str:
        connection, key = self._bucket._connection, self._key("parts")
        full, upload, parts = self._begun(key)
        crc32 = zlib.crc32(b"".join(bytes(part.body) for part in parts))
        sent = [self._sent(full, upload, part) for part in parts]
        connection.call(lambda: connection.driver.commit(full, upload, sent, crc32, self._write))
        self._open.remove((full, upload))
        self._expect("parts", b"".join(bytes(part.body) for part in parts))
        return f"{len(parts)} parts of {len(parts[0].body)} and {len(parts[1].body)} bytes"

    def abort(self) -> str:
        connection, key = self._bucket._connection, self._key("aborted")
        full, upload, parts = self._begun(key)
        self._sent(full, upload, parts[1])
        connection.call(lambda: connection.driver.abort(full, upload))
        self._open.remove((full, upload))
        if self._bucket.exists(key):
            raise Failed("an upload that was dropped made an object")
        return "an upload that is dropped leaves nothing"

    def copy(self) -> str:
        self._bucket.copy(self._key("object"), self._key("copy"))
        self._expect("copy", self._data)
        return "the same bytes"

    def sign(self) -> str:
        if self._bucket.capabilities.sign_max is None:
            raise Skipped(f"the provider {self._bucket.provider!r} has no signed URLs")
        url = self._bucket.sign(self._key("object"), expires=60).url
        try:
            with open_url(self._bucket, url) as answer:
                same = answer.read() == self._data
        except urllib.error.HTTPError as error:  # its text has no URL, which would be a secret
            error.close()
            raise Failed(
                f"a signed URL is answered with {error.code} {error.reason}",
                "look at what lies between: a proxy, another host's name, the server's own rules",
            ) from None
        except urllib.error.URLError as error:
            raise untrusted(error) or Failed(f"a signed URL fails: {error.reason}") from None
        except OSError as error:
            raise Failed(f"a signed URL fails: {error}") from None
        if not same:
            raise Failed("a signed URL gives other bytes")
        return "a signed URL gives the same bytes"

    def delete(self) -> str:
        self._bucket.delete(self._key("object"))
        if self._bucket.exists(self._key("object")):
            raise Failed("the object is still there after its delete")
        return "the object is gone"

    def cleanup(self) -> str:
        connection = self._bucket._connection
        for full, upload in self._open:
            with suppress(PortableError):
                connection.driver.abort(full, upload)
        left = self._bucket.delete_many(self.made).errors
        for error in left.values():
            raise Failed(
                f"{len(left)} objects are left: {error.message}",
                f"remove what is below {self._bucket.url}/{self._folder}/",
            )
        return "nothing is left"

    def _key(self, name: str) -> str:
        key = f"{self._folder}/{name}"
        if key not in self.made:
            self.made.append(key)
        return key

    def _expect(self, name: str, data: bytes) -> None:
        if self._bucket.get(self._key(name)) != data:
            raise Failed("other bytes than were written")

    def _begun(self, key: str) -> tuple[str, str, list[Part]]:
        connection = self._bucket._connection
        full = connection.prefix + key
        upload = connection.call(lambda: connection.driver.begin(full, self._write))
        self._open.append((full, upload))
        size = max(FIRST_PART_BYTES, connection.capabilities.part_min)
        first = secrets.token_bytes(1024) * -(-size // 1024)
        return (
            full,
            upload,
            [
                Part(1, 0, first, zlib.crc32(first)),
                Part(2, len(first), self._data, zlib.crc32(self._data)),
            ],
        )

    def _sent(self, full: str, upload: str, part: Part) -> UploadedPart:
        connection = self._bucket._connection
        return connection.call(lambda: connection.driver.upload_part(full, upload, part))

    @staticmethod
    def _need(able: bool, name: str) -> None:
        if not able:
            raise Skipped(f"{name} is refused here: the server doesn't enforce it")

    def _ignored(self, detail: str) -> Failed:
        if hasattr(self._bucket._connection.settings, "conditional_writes"):
            cure = "set conditional_writes = false, so that portable refuses what isn't kept"
        else:
            cure = "don't rely on if_absent and if_match at this provider"
        return Failed(f"the server doesn't keep conditions: {detail}", cure)
