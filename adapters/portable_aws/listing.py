"""A page of a listing, read from S3's XML.

botocore's own parser takes ten times as long, most of it over dates.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus
from xml.etree import ElementTree

from portable.errors import Unavailable
from portable.storage.driver import Page, StoredObject
from portable.storage.http import quoted

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

ROOT = "ListBucketResult"


def parsed(body: bytes) -> Page:
    """The page that *body* is.

    Raises:
        Unavailable: it isn't one, or not all of it.
    """
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - as botocore does, and expat guards it
        namespace, _, name = root.tag.rpartition("}")
        if name != ROOT:
            raise Unavailable(f"the answer has no {ROOT}: it isn't S3's", ambiguous=True)
        return _page(root, f"{namespace}}}" if namespace else "")
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise Unavailable("a listing isn't S3's, or not all of it", ambiguous=True) from error


def _page(root: Element, space: str) -> Page:
    is_encoded = root.findtext(f"{space}EncodingType") == "url"
    objects = [_stored(entry, space, is_encoded) for entry in root.iterfind(f"{space}Contents")]
    prefixes = [
        _decoded(prefix.text or "", is_encoded)
        for prefix in root.iterfind(f"{space}CommonPrefixes/{space}Prefix")
    ]
    return Page(objects, prefixes, _token(root, space))


def _token(root: Element, space: str) -> str | None:
    """What continues the listing: an answer that is unclear about it isn't taken for the end."""
    is_cut = root.findtext(f"{space}IsTruncated", "false").strip()
    if is_cut == "false":
        return None
    token = root.findtext(f"{space}NextContinuationToken")
    if is_cut != "true" or not token:
        raise ValueError("no word on whether there is more")
    return token


def _stored(entry: Element, space: str, is_encoded: bool) -> StoredObject:
    told = {child.tag: child.text for child in entry}
    etag = told[space + "ETag"] or ""
    bare = etag.strip('"')
    return StoredObject(
        key=_decoded(told[space + "Key"] or "", is_encoded),
        size=int(told[space + "Size"] or ""),
        revision=quoted(etag),
        last_modified=_time(told[space + "LastModified"] or ""),
        etag=bare,
        storage_class=told.get(space + "StorageClass"),
    )


def _decoded(text: str, is_encoded: bool) -> str:
    return unquote_plus(text) if is_encoded and ("%" in text or "+" in text) else text


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is UTC:
        return found
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
