"""S3's requests and answers, to and from the driver's types."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from botocore.exceptions import ClientError

from portable.errors import (
    AlreadyExists,
    BucketNotFound,
    NotFound,
    PortableError,
    PreconditionFailed,
    Unavailable,
)
from portable.storage.driver import StoredObject, WriteOptions
from portable_aws.errors import from_answer
from portable_aws.settings import USUAL_CLASS, S3Settings

ENCRYPTION_HEADERS: Mapping[str, str] = {
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


def encoded(crc32: int) -> str:
    """A CRC-32 as S3 writes it: base64 of its big-endian bytes."""
    return base64.b64encode(struct.pack(">I", crc32)).decode()


def encryption(settings: S3Settings) -> dict[str, str]:
    """The arguments of every write."""
    asked = {"ServerSideEncryption": settings.encryption, "SSEKMSKeyId": settings.kms_key}
    return {name: value for name, value in asked.items() if value is not None}


def described(write: WriteOptions) -> dict[str, Any]:
    """Content type, metadata and storage class of a write."""
    asked: dict[str, Any] = {"ContentType": write.content_type, "Metadata": dict(write.metadata)}
    if write.storage_class is not None:
        asked["StorageClass"] = write.storage_class
    return asked


def conditional(write: WriteOptions) -> dict[str, str]:
    """The conditions of a write."""
    if write.if_absent:
        return {"IfNoneMatch": "*"}
    return {} if write.if_match is None else {"IfMatch": write.if_match}


@contextmanager
def conditions(write: WriteOptions) -> Iterator[None]:
    """Tell a refused condition from S3's words for it."""
    try:
        yield
    except PreconditionFailed as error:
        if write.if_absent:
            raise AlreadyExists("there is an object already") from error.__cause__
        raise
    except NotFound as error:
        # S3 answers If-Match on a missing object so; NoSuchUpload stays what it is.
        if write.if_match is None or isinstance(error, BucketNotFound) or not _is_no_key(error):
            raise
        raise PreconditionFailed("there is no object to replace") from error.__cause__


def _is_no_key(error: NotFound) -> bool:
    cause = error.__cause__
    return isinstance(cause, ClientError) and cause.response["Error"]["Code"] == "NoSuchKey"


def range_header(start: int, end: int | None) -> str:
    """The Range of a request; S3's last byte is inclusive."""
    if start < 0:
        return f"bytes={start}"
    return f"bytes={start}-{'' if end is None else end - 1}"


def whole_size(answer: Mapping[str, Any]) -> int:
    """The object's size from the answer to a GET of all of it.

    Raises:
        Unavailable: a proxy took the length out, or gave a part.
    """
    if "ContentLength" not in answer or "ContentRange" in answer:
        raise Unavailable("the answer doesn't say how long the object is")
    return int(answer["ContentLength"])


def checked_total(answer: Mapping[str, Any], start: int, end: int | None) -> int:
    """The object's size from the answer to a range, when it is the range asked for.

    Raises:
        Unavailable: a proxy or server gave other bytes.
    """
    match = _CONTENT_RANGE.fullmatch(answer.get("ContentRange", ""))
    if match is None:
        if answer.get("ContentLength") == 0:  # some servers answer so for an empty object
            return 0
        raise Unavailable("the server ignored the range that was asked for")
    first, last, total = (int(number) for number in match.groups())
    wanted = max(0, total + start) if start < 0 else start
    stop = total if end is None or start < 0 else min(end, total)
    if (first, last + 1) != (wanted, stop):
        raise Unavailable(f"the server gave bytes {first}-{last}, not {wanted}-{stop - 1}")
    return total


def from_headers(key: str, answer: Mapping[str, Any], *, size: int) -> StoredObject:
    """An object from the headers of a HEAD or GET."""
    return StoredObject(
        key=key,
        size=size,
        revision=_quoted(answer["ETag"]),
        last_modified=answer["LastModified"].astimezone(UTC),
        content_type=answer.get("ContentType"),
        metadata=answer.get("Metadata", {}),
        crc32=_whole_crc32(answer),
        etag=answer["ETag"].strip('"'),
        storage_class=answer.get("StorageClass", USUAL_CLASS),
        version=_version(answer),
    )


def _whole_crc32(answer: Mapping[str, Any]) -> int | None:
    """The CRC-32 of the whole object; a multipart's composite ends in ``-`` and a number."""
    value = answer.get("ChecksumCRC32")
    if not value or "-" in value or answer.get("ChecksumType") == "COMPOSITE":
        return None
    (crc32,) = struct.unpack(">I", base64.b64decode(value))
    return int(crc32)


def written(
    key: str, size: int, answer: Mapping[str, Any], storage_class: str | None = None
) -> StoredObject:
    """An object from the answer to its write; the time is that of the answer."""
    return StoredObject(
        key=key,
        size=size,
        revision=_quoted(answer["ETag"]),
        last_modified=_answered_at(answer),
        etag=answer["ETag"].strip('"'),
        storage_class=storage_class or USUAL_CLASS,
        version=_version(answer),
    )


def _quoted(etag: str) -> str:
    """An ETag in quotes: some servers leave them out of some answers, and a revision is one text."""
    return etag if etag.startswith('"') else f'"{etag}"'


def _version(answer: Mapping[str, Any]) -> str | None:
    version = answer.get("VersionId")
    return None if version == "null" else version


def _answered_at(answer: Mapping[str, Any]) -> datetime:
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return _parsed(date) if date else datetime.now(UTC)


@lru_cache(maxsize=8)
def _parsed(date: str) -> datetime:
    """A header's date: the same for all answers of one second, and 12 µs to parse."""
    return parsedate_to_datetime(date)


def of_entry(entry: Mapping[str, Any]) -> PortableError:
    """The error of one key in the answer to a bulk delete."""
    code, text = entry.get("Code", ""), entry.get("Message", "")
    return from_answer(ClientError({"Error": {"Code": code, "Message": text}}, "DeleteObjects"))
