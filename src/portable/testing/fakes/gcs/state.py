"""Buckets and objects, and the rules that both APIs keep to."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
import uuid
from bisect import bisect_left, insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

# https://cloud.google.com/storage/docs/storage-classes
CLASSES = ("STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE")
PART_MIN = 5 * 1024**2  # https://cloud.google.com/storage/quotas#requests


class Failure(Exception):
    """An error that is answered.

    Attributes:
        reason: The JSON API's.
        code: The XML API's.
    """

    def __init__(self, status: int, reason: str, code: str, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.reason = reason
        self.code = code
        self.words = words


def no_bucket() -> Failure:
    """What both APIs say of a bucket that isn't there."""
    return Failure(404, "notFound", "NoSuchBucket", "The specified bucket does not exist.")


def no_object(bucket: str, name: str) -> Failure:
    """And of an object."""
    return Failure(404, "notFound", "NoSuchKey", f"No such object: {bucket}/{name}")


def no_upload() -> Failure:
    """And of a multipart upload."""
    return Failure(404, "notFound", "NoSuchUpload", "The requested upload was not found.")


def invalid(words: str, code: str = "InvalidArgument") -> Failure:
    """A request that makes no sense."""
    return Failure(400, "invalid", code, words)


@dataclass(slots=True, kw_only=True)
class About:
    """What a writer says of an object."""

    content_type: str = "application/octet-stream"
    metadata: dict[str, str] = field(default_factory=dict)
    storage_class: str = "STANDARD"
    content_encoding: str = ""


@dataclass(kw_only=True)
class Stored:
    """An object."""

    name: str
    data: bytes
    about: About
    generation: int
    metageneration: int = 1
    has_md5: bool = True
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    @cached_property
    def crc32c(self) -> str:
        return base64.b64encode(crc32c(self.data).to_bytes(4, "big")).decode()

    @cached_property
    def md5(self) -> str:
        return base64.b64encode(hashlib.md5(self.data, usedforsecurity=False).digest()).decode()

    @property
    def etag(self) -> str:
        """Of the XML API."""
        if self.has_md5:
            return base64.b64decode(self.md5).hex()
        return f"-{self.crc32c}-{self.generation}"


@dataclass(kw_only=True)
class Upload:
    """A multipart or resumable upload under way."""

    name: str
    about: About
    conditions: Mapping[str, str] = field(default_factory=dict)
    parts: dict[int, bytes] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)
    expected: Mapping[str, str] = field(default_factory=dict)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))


class Bucket:
    """Objects by name, and the names in order."""

    def __init__(self) -> None:
        self.objects: dict[str, Stored] = {}
        self.names: list[str] = []
        self.uploads: dict[str, Upload] = {}

    def page(
        self, prefix: str, delimiter: str, start: str, limit: int
    ) -> tuple[list[Stored], list[str], str | None]:
        """Objects and prefixes from the name *start* on, and where the next page starts."""
        found: list[Stored] = []
        prefixes: list[str] = []
        at = bisect_left(self.names, max(prefix, start))
        while at < len(self.names) and self.names[at].startswith(prefix):
            name = self.names[at]
            if len(found) + len(prefixes) == limit:
                return found, prefixes, name
            cut = name.find(delimiter, len(prefix)) if delimiter else -1
            if cut < 0:
                found.append(self.objects[name])
                at += 1
                continue
            folder = name[: cut + len(delimiter)]
            prefixes.append(folder)
            at = bisect_left(self.names, folder + "\U0010ffff" * 4, lo=at)
            while at < len(self.names) and self.names[at].startswith(folder):
                at += 1
        return found, prefixes, None


class State:
    """Everything stored; hold `lock` while looking at it or changing it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.buckets: dict[str, Bucket] = {}
        self._generation = 0

    def bucket(self, name: str) -> Bucket:
        if name not in self.buckets:
            raise no_bucket()
        return self.buckets[name]

    def object(self, bucket: str, name: str, conditions: Mapping[str, str]) -> Stored:
        """An object that meets the conditions of a read."""
        found = self.bucket(bucket).objects.get(name)
        wanted = conditions.get("generation")
        if found is None or (wanted is not None and wanted != str(found.generation)):
            raise no_object(bucket, name)
        check(conditions, found, reading=True)
        return found

    def store(
        self,
        bucket: str,
        name: str,
        data: bytes,
        about: About,
        conditions: Mapping[str, str],
        *,
        has_md5: bool = True,
    ) -> Stored:
        """Put an object in place, under the conditions."""
        if not 1 <= len(name.encode()) <= 1024 or name.startswith(".well-known/acme-challenge/"):
            raise invalid(f"The specified object name is not valid: {name!r}", "InvalidObjectName")
        if about.storage_class not in CLASSES:
            raise invalid(f"Invalid argument: storage class {about.storage_class!r}")
        with self.lock:
            home = self.bucket(bucket)
            check(conditions, home.objects.get(name))
            self._generation = max(self._generation + 1, time.time_ns() // 1000)
            stored = Stored(
                name=name, data=data, about=about, generation=self._generation, has_md5=has_md5
            )
            if name not in home.objects:
                insort(home.names, name)
            home.objects[name] = stored
            return stored

    def remove(self, bucket: str, name: str, conditions: Mapping[str, str]) -> None:
        """Take an object away, under the conditions."""
        with self.lock:
            home = self.bucket(bucket)
            found = home.objects.get(name)
            if found is None and "ifGenerationMatch" in conditions:
                check(conditions, None)
            if found is None:
                raise no_object(bucket, name)
            check(conditions, found)
            del home.objects[name]
            del home.names[bisect_left(home.names, name)]

    def begin(self, bucket: str, upload: Upload) -> str:
        with self.lock:
            identity = uuid.uuid4().hex
            self.bucket(bucket).uploads[identity] = upload
            return identity

    def upload(self, bucket: str, identity: str) -> Upload:
        uploads = self.bucket(bucket).uploads
        if identity not in uploads:
            raise no_upload()
        return uploads[identity]


def check(conditions: Mapping[str, str], found: Stored | None, *, reading: bool = False) -> None:
    """Refuse what doesn't meet the conditions; a missing object is generation 0."""
    generation = found.generation if found else 0
    metageneration = found.metageneration if found else 0
    for name, actual in (("Generation", generation), ("Metageneration", metageneration)):
        wanted, unwanted = conditions.get(f"if{name}Match"), conditions.get(f"if{name}NotMatch")
        for value in (wanted, unwanted):
            if value is not None and not value.isascii():
                raise invalid(f"Invalid unsigned integer: {value!r}")
            if value is not None and not value.isdigit():
                raise invalid(f"Invalid unsigned integer: {value!r}")
        if wanted is not None and int(wanted) != actual:
            raise Failure(
                412,
                "conditionNotMet",
                "PreconditionFailed",
                "At least one of the pre-conditions you specified did not hold.",
            )
        if unwanted is not None and int(unwanted) == actual:
            raise Failure(304 if reading else 412, "conditionNotMet", "NotModified", "Not modified")


def check_digests(data: bytes, wanted: Mapping[str, str]) -> None:
    """Refuse *data* that isn't what *wanted*, base64 by algorithm, says."""
    if (expected := wanted.get("crc32c")) is not None:
        actual = base64.b64encode(crc32c(data).to_bytes(4, "big")).decode()
        if actual != expected:
            raise invalid(
                f'Provided CRC32C "{expected}" doesn\'t match calculated CRC32C "{actual}".',
                "BadDigest",
            )
    if (expected := wanted.get("md5")) is not None:
        digest = hashlib.md5(data, usedforsecurity=False).digest()
        actual = base64.b64encode(digest).decode()
        if actual != expected:
            raise invalid(
                f'Provided MD5 hash "{expected}" doesn\'t match calculated MD5 hash "{actual}".',
                "BadDigest",
            )


def crc32c(data: bytes) -> int:
    """The CRC-32C of *data*; slowly where google-crc32c isn't installed."""
    try:
        import google_crc32c
    except ImportError:
        return _crc32c(data)
    value: int = google_crc32c.value(bytes(data))
    return value


def _crc32c(data: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def interval(header: str, size: int) -> tuple[int, int] | None:
    """The bytes that a Range header means; `None` for all of them.

    Raises:
        Failure: they lie past the end.
    """
    unit, _, text = header.partition("=")
    first, dash, last = text.partition("-")
    if unit.strip() != "bytes" or not dash or "," in text:
        return None
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(int(last) + 1 if last else size, size)
    if start >= size or start >= end:
        raise Failure(
            416,
            "requestedRangeNotSatisfiable",
            "InvalidRange",
            "The requested range cannot be satisfied.",
        )
    return start, end
