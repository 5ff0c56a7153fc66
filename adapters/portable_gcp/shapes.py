"""Google's requests and answers, to and from the driver's types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from portable.errors import PreconditionFailed, Unavailable
from portable.storage import http
from portable.storage.driver import StoredObject, WriteOptions

FIELDS = "name,size,generation,updated,contentType,metadata,storageClass,etag"
DIGESTS = "md5Hash,crc32c"
_GENERATION = re.compile(r"[1-9][0-9]{0,18}")
_META = "x-goog-meta-"


def described(write: WriteOptions) -> dict[str, Any]:
    """Content type, metadata and storage class of a write, for the JSON API."""
    about: dict[str, Any] = {"contentType": write.content_type, "metadata": dict(write.metadata)}
    if write.storage_class is not None:
        about["storageClass"] = write.storage_class
    return about


def in_headers(write: WriteOptions, *, with_class: bool) -> dict[str, str]:
    """The same, for the XML API."""
    headers = {f"{_META}{name}": value for name, value in write.metadata.items()}
    headers["Content-Type"] = write.content_type
    if with_class and write.storage_class is not None:
        headers["x-goog-storage-class"] = write.storage_class
    return headers


def conditional(write: WriteOptions) -> dict[str, str]:
    """The conditions of a write; 0 stands for no object at all.

    https://cloud.google.com/storage/docs/request-preconditions
    """
    if write.if_absent:
        return {"ifGenerationMatch": "0"}
    return {} if write.if_match is None else {"ifGenerationMatch": generation(write.if_match)}


def generation(revision: str) -> str:
    """A revision as Google takes it.

    Raises:
        PreconditionFailed: it isn't one of Google's, so no object has it.
    """
    if not _GENERATION.fullmatch(revision):
        raise PreconditionFailed("the object is another revision: this is none of Google's")
    return revision


def whole_size(headers: Mapping[str, str]) -> int:
    """The object's size from the answer to a GET of all of it.

    Raises:
        Unavailable: a proxy took the length out, or something unpacked or cut the body.
    """
    sent, stored = headers.get("content-length"), headers.get("x-goog-stored-content-length")
    if sent is None or "content-range" in headers:
        raise Unavailable("the answer doesn't say how long the object is")
    if stored is not None and stored != sent:
        raise Unavailable(f"{stored} bytes are stored and {sent} bytes come: not as stored")
    return int(sent)


def checked_total(headers: Mapping[str, str], start: int, end: int | None) -> int:
    """The object's size from the answer to a range, when it is the range asked for."""
    return http.checked_total(
        headers.get("content-range"), start, end, empty=headers.get("content-length") == "0"
    )


def from_resource(resource: Mapping[str, Any]) -> StoredObject:
    """An object from the JSON API's resource of it."""
    try:
        return StoredObject(
            key=resource["name"],
            size=int(resource["size"]),
            revision=resource["generation"],
            last_modified=datetime.fromisoformat(resource["updated"]).astimezone(UTC),
            content_type=resource.get("contentType"),
            metadata=resource.get("metadata", {}),
            etag=resource.get("etag"),
            storage_class=resource.get("storageClass"),
            version=resource["generation"],
        )
    except (KeyError, ValueError, TypeError) as error:
        raise Unavailable("the answer isn't an object of Google's", ambiguous=True) from error


def listed(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same answer, when it is a listing: an empty one looks like many other things."""
    if answer.get("kind") != "storage#objects":
        raise Unavailable("the answer isn't a listing of Google's")
    return answer


def from_headers(key: str, headers: Mapping[str, str], *, size: int) -> StoredObject:
    """An object from the headers of a GET of the XML API."""
    try:
        return StoredObject(
            key=key,
            size=size,
            revision=headers["x-goog-generation"],
            last_modified=parsedate_to_datetime(headers["last-modified"]).astimezone(UTC),
            content_type=headers.get("content-type"),
            metadata={
                name[len(_META) :].lower(): _decoded(value)
                for name, value in headers.items()
                if name.lower().startswith(_META)
            },
            etag=headers.get("etag", "").strip('"') or None,
            storage_class=headers.get("x-goog-storage-class"),
            version=headers["x-goog-generation"],
        )
    except (KeyError, ValueError) as error:
        raise Unavailable("the answer isn't an object of Google's") from error


def _decoded(value: str) -> str:
    """A header's text: `http.client` reads bytes as Latin-1, and Google sends UTF-8."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value
