"""The service's requests and answers, to and from the driver's types."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote

from azure.core.exceptions import HttpResponseError

from portable.errors import NotFound, Unavailable
from portable.storage import http
from portable.storage.digests import from_base64
from portable.storage.driver import Page, StoredObject, WriteOptions
from portable_azure.limits import FOLDER, is_directory
from portable_azure.markup import Element, ParseError, parse

if TYPE_CHECKING:
    from portable_azure.transport import Answer

METADATA = "x-ms-meta-"


def described(write: WriteOptions) -> dict[str, str]:
    """Content type, metadata and access tier of a write."""
    headers = {f"{METADATA}{name}": value for name, value in write.metadata.items()}
    headers["x-ms-blob-content-type"] = write.content_type
    if write.storage_class is not None:
        headers["x-ms-access-tier"] = write.storage_class
    return headers


def conditional(write: WriteOptions) -> dict[str, str]:
    """The conditions of a write."""
    if write.if_absent:
        return {"if-none-match": "*"}
    return {} if write.if_match is None else {"if-match": write.if_match}


def conditions(write: WriteOptions) -> AbstractContextManager[None]:
    """Tell a refused condition from the service's words for it."""
    return http.conditions(write, is_missing=_is_no_blob)


def _is_no_blob(error: NotFound) -> bool:
    cause = error.__cause__
    if not isinstance(cause, HttpResponseError) or cause.response is None:
        return False
    return cast("Answer", cause.response).headers.get("x-ms-error-code") == "BlobNotFound"


def md5(body: bytes | memoryview) -> str:
    """What lets the service refuse a body that was spoiled on the way."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def from_headers(key: str, headers: Mapping[str, str], *, size: int | None = None) -> StoredObject:
    """An object from the headers of an answer about it.

    Raises:
        NotFound: it is a directory.
        Unavailable: they aren't all there.
    """
    metadata = {
        name[len(METADATA) :]: value
        for name, value in headers.items()
        if name.lower().startswith(METADATA)
    }
    if is_directory(metadata):
        raise NotFound("it is a directory, and no object")
    etag = _told(headers, "etag")
    return StoredObject(
        key=key,
        size=int(_told(headers, "content-length")) if size is None else size,
        revision=http.quoted(etag),
        last_modified=date_of(_told(headers, "last-modified")),
        content_type=headers.get("content-type"),
        metadata=metadata,
        etag=etag.strip('"'),
        storage_class=headers.get("x-ms-access-tier"),
        version=headers.get("x-ms-version-id"),
    )


def written(
    key: str, size: int, headers: Mapping[str, str], storage_class: str | None = None
) -> StoredObject:
    """An object from the headers of the answer to its write."""
    etag = _told(headers, "etag")
    return StoredObject(
        key=key,
        size=size,
        revision=http.quoted(etag),
        last_modified=date_of(_told(headers, "last-modified")),
        etag=etag.strip('"'),
        storage_class=storage_class,
        version=headers.get("x-ms-version-id"),
    )


def whole_size(headers: Mapping[str, str]) -> int:
    """The object's size from the answer to a GET of all of it."""
    return int(_told(headers, "content-length"))


def checked_total(headers: Mapping[str, str], start: int, end: int | None) -> int:
    """The object's size from the answer to a range, when it is the range asked for."""
    return http.checked_total(
        headers.get("content-range"), start, end, empty=headers.get("content-length") == "0"
    )


def page(body: bytes, *, after: str = "") -> Page:
    """A page of a listing. *after* is left out: the service begins with it."""
    root = parsed(body, "EnumerationResults")
    objects = [_from_entry(entry) for entry in root.iterfind("Blobs/Blob") if _is_object(entry)]
    prefixes = [_name(entry) for entry in root.iterfind("Blobs/BlobPrefix")]
    if after:
        objects = [found for found in objects if found.key != after]
    return Page(objects, prefixes, root.findtext("NextMarker") or None)


def names(body: bytes) -> tuple[list[str], str | None]:
    """The keys of a page, those with nothing committed included, and what continues it."""
    root = parsed(body, "EnumerationResults")
    found = [_name(entry) for entry in root.iterfind("Blobs/Blob")]
    return found, root.findtext("NextMarker") or None


def parsed(body: bytes, root: str) -> Element:
    """An answer's XML.

    Raises:
        Unavailable: it isn't *root*, or not all of it.
    """
    try:
        element = parse(body)
    except ParseError as error:
        raise Unavailable(f"an answer isn't Azure's, or not all of it: {error}") from error
    if element.tag != root:
        raise Unavailable(f"an answer isn't Azure's: it has no {root}")
    return element


def _is_object(entry: Element) -> bool:
    return (
        entry.findtext("Properties/ResourceType") != "directory"
        and (entry.findtext(f"Metadata/{FOLDER}") or "").lower() != "true"
    )


def _from_entry(entry: Element) -> StoredObject:
    properties = entry.find("Properties")
    if properties is None:
        raise Unavailable("an answer isn't Azure's: an object has no properties")
    told = {child.tag: child.text or "" for child in properties}
    etag = _told(told, "Etag")
    metadata = entry.find("Metadata")
    return StoredObject(
        key=_name(entry),
        size=int(_told(told, "Content-Length")),
        revision=http.quoted(etag),
        last_modified=date_of(_told(told, "Last-Modified")),
        content_type=told.get("Content-Type"),
        metadata={child.tag: child.text or "" for child in metadata or ()},
        digest=from_base64(told.get("Content-MD5")),
        etag=etag.strip('"'),
        storage_class=told.get("AccessTier"),
        version=entry.findtext("VersionId"),
    )


def _name(entry: Element) -> str:
    name = entry.find("Name")
    if name is None or not name.text:
        raise Unavailable("an answer isn't Azure's: an object has no name")
    # Names with characters that XML can't hold are escaped.
    return unquote(name.text) if name.get("Encoded") == "true" else name.text


def _told(answer: Mapping[str, str], name: str) -> str:
    try:
        return answer[name]
    except KeyError:
        raise Unavailable(
            f"the answer lacks {name!r}: it isn't Azure's, or not all of it", ambiguous=True
        ) from None


@lru_cache(maxsize=64)
def date_of(text: str) -> datetime:
    """A date: the same for all answers of one second."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError:
        raise Unavailable(f"the answer's date {text!r} is none", ambiguous=True) from None
