"""Multipart uploads of the XML API, with the conditions that it lacks (ADR 0010).

Parts are in no listing. An upload without a condition is completed at its key. Preconditions are
refused by this API, so an upload with one is completed at a name of its own below
``.portable-unfinished/``, which the driver hides, and rewritten from there to its key: a request
that copies no data, and that Google decides the condition of.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from urllib.parse import quote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from portable.errors import (
    BucketNotFound,
    NotFound,
    PortableError,
    PreconditionFailed,
    Unavailable,
)
from portable.storage.driver import Part, PendingUpload, StoredObject, UploadedPart, WriteOptions
from portable_gcp.body import blocks, crc32c_of
from portable_gcp.client import Client, key_path
from portable_gcp.shapes import in_headers

UNFINISHED = ".portable-unfinished/"


def is_hidden(name: str) -> bool:
    """Is it an upload that was completed and not yet published?"""
    return UNFINISHED in name and f"/{UNFINISHED}" in f"/{name}"


class Uploads:
    """The multipart uploads of one bucket.

    An upload's id is Google's; one with a condition has its own name behind it, after a space.
    """

    def __init__(self, client: Client, bucket: str, home: str, seconds: float) -> None:
        """Make uploads of *bucket*.

        Args:
            home: What all keys begin with; empty, or ending in ``/``.
            seconds: Longest wait for a completion: Google may take minutes,
                https://cloud.google.com/storage/docs/xml-api/post-object-complete
        """
        self._client = client
        self._bucket = bucket
        self._home = home
        self._seconds = seconds

    def begin(self, key: str, write: WriteOptions) -> str:
        is_conditional = write.if_absent or write.if_match is not None
        name = f"{self._home}{UNFINISHED}{os.urandom(12).hex()}" if is_conditional else key
        headers = in_headers(write, with_class=not is_conditional)
        _, body = self._client.send("POST", f"{self._path(name)}?uploads", headers=headers)
        upload = _text(_parsed(body, "InitiateMultipartUploadResult"), "UploadId")
        return f"{upload} {name}" if is_conditional else upload

    def send(self, key: str, upload: str, part: Part) -> UploadedPart:
        path, query = self._place(key, upload)
        headers, _ = self._client.send(
            "PUT",
            path,
            {"partNumber": str(part.number), **query},
            headers={"x-goog-hash": f"crc32c={crc32c_of(part.body)}"},
            body=blocks(part.body),
            size=len(part.body),
        )
        if "etag" not in headers:
            raise Unavailable("the answer to a part has no ETag", ambiguous=True)
        return UploadedPart(part.number, headers["etag"], len(part.body), part.crc32)

    def complete(
        self, key: str, upload: str, parts: Sequence[UploadedPart]
    ) -> tuple[Mapping[str, str], str]:
        """Put the parts together; the answer's headers, and the name of what it made."""
        path, query = self._place(key, upload)
        listed = "".join(
            f"<Part><PartNumber>{part.number}</PartNumber><ETag>{escape(part.tag)}</ETag></Part>"
            for part in parts
        )
        headers, body = self._client.send(
            "POST",
            path,
            query,
            headers={"Content-Type": "application/xml"},
            body=f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode(),
            seconds=self._seconds,
        )
        _parsed(body, "CompleteMultipartUploadResult")
        return headers, staged_name(upload) or key

    def abort(self, key: str, upload: str) -> None:
        path, query = self._place(key, upload)
        if not query["uploadId"]:
            return
        try:
            self._client.tell("DELETE", path, query)
        except NotFound as error:
            if isinstance(error, BucketNotFound):
                raise

    def pending(self, prefix: str) -> Iterator[PendingUpload]:
        """Those begun and not completed, below *prefix*."""
        marker: dict[str, str] = {}
        while True:
            query = {"uploads": "", "prefix": prefix, **marker}
            _, body = self._client.send("GET", f"/{self._bucket}", query)
            root = _parsed(body, "ListMultipartUploadsResult")
            for entry in root.iterfind("{*}Upload"):
                name, upload = _text(entry, "Key"), _text(entry, "UploadId")
                started = datetime.fromisoformat(_text(entry, "Initiated"))
                yield PendingUpload(
                    name, f"{upload} {name}" if is_hidden(name) else upload, started
                )
            if root.findtext("{*}IsTruncated") != "true":
                return
            marker = {
                "key-marker": _text(root, "NextKeyMarker"),
                "upload-id-marker": _text(root, "NextUploadIdMarker"),
            }

    def _place(self, key: str, upload: str) -> tuple[str, dict[str, str]]:
        identity, _, name = upload.partition(" ")
        return self._path(name or key), {"uploadId": identity}

    def _path(self, name: str) -> str:
        return f"/{quote(self._bucket)}/{key_path(name)}"


def staged_name(upload: str) -> str:
    """Where an upload with a condition is completed; empty for one without."""
    return upload.partition(" ")[2]


def publish(
    uploads: Uploads,
    key: str,
    upload: str,
    parts: Sequence[UploadedPart],
    rewrite: Callable[[str], StoredObject],
    remove: Callable[[str], None],
) -> StoredObject:
    """Complete an upload that has a condition, move the object to its key, drop what remains.

    Args:
        rewrite: Copies an object of that name to the key, under the condition.
        remove: Drops it.

    Raises:
        NotFound: there is no such upload any more, nor what it was completed to.
    """
    name = staged_name(upload)
    try:
        uploads.complete(key, upload, parts)
        stored = rewrite(name)
    except BucketNotFound:
        raise
    except NotFound:
        stored = _rewritten_again(name, rewrite, remove)
    _drop(name, remove)
    return stored


def _rewritten_again(
    name: str, rewrite: Callable[[str], StoredObject], remove: Callable[[str], None]
) -> StoredObject:
    """An answer was lost, and the upload was completed before, or is gone."""
    try:
        return rewrite(name)
    except PreconditionFailed:
        _drop(name, remove)  # published before, or never to be
        raise


def _drop(name: str, remove: Callable[[str], None]) -> None:
    try:
        remove(name)
    except PortableError as error:
        from logging import getLogger

        getLogger("portable.storage").warning(
            "%r, which an upload was completed to, remains until abort_stale_uploads(): %s",
            name,
            error,
        )


def _parsed(body: bytes, root: str) -> ElementTree.Element:
    try:
        found = ElementTree.fromstring(body)  # noqa: S314 - expat expands no external entity
    except ElementTree.ParseError as error:
        raise Unavailable("the answer isn't XML", ambiguous=True) from error
    if found.tag.rpartition("}")[2] != root:
        raise Unavailable(f"the answer has no {root}: it isn't Google's", ambiguous=True)
    return found


def _text(parent: ElementTree.Element, name: str) -> str:
    found = parent.findtext(f"{{*}}{name}")
    if found is None:
        raise Unavailable(f"the answer lacks {name!r}", ambiguous=True)
    return found
