"""S3's requests and answers, to and from the driver's types."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from botocore.exceptions import ClientError

from portable.errors import (
    BucketNotFound,
    NotFound,
    Unavailable,
)
from portable.storage import http
from portable.storage.digests import Hash, ServerDigest, from_base64, from_etag
from portable.storage.driver import StoredObject, WriteOptions
from portable_aws.settings import USUAL_CLASS, S3Settings

ENCRYPTION_HEADERS: Mapping[str, str] = {
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}


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


def conditions(write: WriteOptions) -> AbstractContextManager[None]:
    """Tell a refused condition from S3's words for it."""
    return http.conditions(write, is_missing=_is_no_key)


def _is_no_key(error: NotFound) -> bool:
    """S3 answers If-Match on a missing object so; NoSuchUpload stays what it is."""
    cause = error.__cause__
    return (
        not isinstance(error, BucketNotFound)
        and isinstance(cause, ClientError)
        and cause.response["Error"]["Code"] == "NoSuchKey"
    )


def whole_size(answer: Mapping[str, Any]) -> int:
    """The object's size from the answer to a GET of all of it.

    Raises:
        Unavailable: a proxy took the length out, or gave a part.
    """
    if "ContentLength" not in answer or "ContentRange" in answer:
        raise Unavailable("the answer doesn't say how long the object is")
    return int(answer["ContentLength"])


def checked_total(answer: Mapping[str, Any], start: int, end: int | None) -> int:
    """The object's size from the answer to a range, when it is the range asked for."""
    return http.checked_total(
        answer.get("ContentRange"), start, end, empty=answer.get("ContentLength") == 0
    )


def from_headers(key: str, answer: Mapping[str, Any], *, size: int) -> StoredObject:
    """An object from the headers of a HEAD or GET."""
    return StoredObject(
        key=key,
        size=size,
        revision=http.quoted(answer["ETag"]),
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


def own_digest(answer: Mapping[str, Any]) -> ServerDigest | None:
    """A digest of the whole content from the headers of a HEAD, beside the CRC-32."""
    if answer.get("ChecksumType") != "COMPOSITE":
        for name, start in (("ChecksumSHA256", hashlib.sha256), ("ChecksumSHA1", _sha1)):
            if (found := from_base64(answer.get(name), start)) is not None:
                return found
    if answer.get("ServerSideEncryption", "AES256") != "AES256" or "SSECustomerAlgorithm" in answer:
        return None  # the ETag isn't an MD5, though it looks like one
    return from_etag(answer["ETag"].strip('"'))


def _sha1() -> Hash:
    return hashlib.sha1(usedforsecurity=False)


def written(
    key: str, size: int, answer: Mapping[str, Any], storage_class: str | None = None
) -> StoredObject:
    """An object from the answer to its write; the time is that of the answer."""
    return StoredObject(
        key=key,
        size=size,
        revision=http.quoted(answer["ETag"]),
        last_modified=_answered_at(answer),
        etag=answer["ETag"].strip('"'),
        storage_class=storage_class or USUAL_CLASS,
        version=_version(answer),
    )


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
