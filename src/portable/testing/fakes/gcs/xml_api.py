"""The XML API, as obstore and signed requests speak it.

https://cloud.google.com/storage/docs/xml-api/overview
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from portable.testing.fakes.gcs.media import described, media
from portable.testing.fakes.gcs.state import (
    PART_MIN,
    About,
    Bucket,
    Failure,
    State,
    Stored,
    Upload,
    check_digests,
    invalid,
)
from portable.testing.fakes.wire import Answer, Request, text_of

NAMESPACE = "http://doc.s3.amazonaws.com/2006-03-01"
CONDITIONS = {
    "x-goog-if-generation-match": "ifGenerationMatch",
    "x-goog-if-metageneration-match": "ifMetagenerationMatch",
}


def refused(failure: Failure) -> Answer:
    """An error, as the XML API says it."""
    body = f"<Code>{failure.code}</Code><Message>{escape(failure.words)}</Message>"
    return _xml(failure.status, "Error", body, namespace="")


class XmlApi:
    """Answers what is below ``/BUCKET``."""

    def __init__(self, state: State) -> None:
        self._state = state

    def handle(self, request: Request) -> Answer:
        try:
            return self._route(request)
        except Failure as failure:
            return refused(failure)

    def _route(self, request: Request) -> Answer:
        first, _, rest = request.path.lstrip("/").partition("/")
        bucket, name = text_of(first), text_of(rest)
        if not name:
            return self._bucket(request, bucket)
        if "uploads" in request.query and request.method == "POST":
            return self._begin(request, bucket, name)
        if "uploadId" in request.query:
            return self._part_of(request, bucket, name)
        return self._object(request, bucket, name)

    def _bucket(self, request: Request, bucket: str) -> Answer:
        with self._state.lock:
            if request.method == "PUT":
                self._state.buckets.setdefault(bucket, Bucket())
                return Answer(200)
            home = self._state.bucket(bucket)
            if request.method == "HEAD":
                return Answer(200)
            if request.method == "GET" and "uploads" in request.query:
                return _uploads(home, request.query)
            if request.method == "GET":
                return _listing(home, bucket, request.query)
        raise Failure(405, "methodNotAllowed", "MethodNotAllowed", "not allowed on a bucket")

    def _object(self, request: Request, bucket: str, name: str) -> Answer:
        conditions = _conditions(request)
        if request.method in ("GET", "HEAD"):
            return media(self._state, bucket, name, conditions, request.headers)
        if request.method == "DELETE":
            self._state.remove(bucket, name, conditions)
            return Answer(204)
        if request.method != "PUT":
            raise Failure(405, "methodNotAllowed", "MethodNotAllowed", "not allowed on an object")
        if "x-goog-copy-source" in request.headers:
            return self._copy(request, bucket, name, conditions)
        check_digests(request.body, _digests(request))
        stored = self._state.store(bucket, name, request.body, _about(request), conditions)
        return Answer(200, _written(stored))

    def _copy(
        self, request: Request, bucket: str, name: str, conditions: Mapping[str, str]
    ) -> Answer:
        place = text_of(request.headers["x-goog-copy-source"]).lstrip("/")
        home, _, source = place.partition("/")
        with self._state.lock:
            wanted = request.headers.get("x-goog-copy-source-if-generation-match")
            of_source = {} if wanted is None else {"ifGenerationMatch": wanted}
            found = self._state.object(home, source, of_source)
            about = replace(found.about, storage_class="STANDARD")
            stored = self._state.store(
                bucket, name, found.data, about, conditions, has_md5=found.has_md5
            )
        body = f"<LastModified>{_time(stored)}</LastModified><ETag>&quot;{stored.etag}&quot;</ETag>"
        return _xml(200, "CopyObjectResult", body, headers=_written(stored))

    def _begin(self, request: Request, bucket: str, name: str) -> Answer:
        _refuse_conditions(request)
        upload = Upload(name=name, about=_about(request))
        identity = self._state.begin(bucket, upload)
        body = (
            f"<Bucket>{escape(bucket)}</Bucket><Key>{escape(name)}</Key>"
            f"<UploadId>{identity}</UploadId>"
        )
        return _xml(200, "InitiateMultipartUploadResult", body)

    def _part_of(self, request: Request, bucket: str, name: str) -> Answer:
        _refuse_conditions(request)
        identity = request.query["uploadId"]
        with self._state.lock:
            upload = self._state.upload(bucket, identity)
            if upload.name != name:
                raise invalid("The upload is of another object.")
            if request.method == "DELETE":
                del self._state.bucket(bucket).uploads[identity]
                return Answer(204)
            if request.method == "POST":
                return self._complete(request, bucket, identity, upload)
        if request.method != "PUT" or not 1 <= int(request.query.get("partNumber", "0")) <= 10_000:
            raise invalid("A part has a number from 1 to 10,000.")
        check_digests(request.body, _digests(request))
        with self._state.lock:
            upload.parts[int(request.query["partNumber"])] = request.body
        return Answer(200, {"ETag": f'"{_md5(request.body)}"'})

    def _complete(self, request: Request, bucket: str, identity: str, upload: Upload) -> Answer:
        try:
            root = ElementTree.fromstring(request.body)
        except ElementTree.ParseError as error:
            raise invalid("The list of parts isn't XML.", "MalformedCompleteRequest") from error
        named = [
            (int(part.findtext("{*}PartNumber", "0")), part.findtext("{*}ETag", "").strip('"'))
            for part in root.iterfind("{*}Part")
        ]
        if not named or [number for number, _ in named] != sorted({number for number, _ in named}):
            raise invalid("The parts aren't in order.", "InvalidPartOrder")
        pieces = []
        for number, tag in named:
            piece = upload.parts.get(number)
            if piece is None or _md5(piece) != tag:
                raise invalid(f"There is no part {number} with that ETag.", "InvalidPart")
            pieces.append(piece)
        if any(len(piece) < PART_MIN for piece in pieces[:-1]):
            raise invalid("A part but the last is smaller than 5 MiB.", "EntityTooSmall")
        stored = self._state.store(
            bucket, upload.name, b"".join(pieces), upload.about, {}, has_md5=False
        )
        del self._state.bucket(bucket).uploads[identity]
        body = (
            f"<Bucket>{escape(bucket)}</Bucket><Key>{escape(upload.name)}</Key>"
            f"<ETag>&quot;{stored.etag}&quot;</ETag>"
        )
        return _xml(200, "CompleteMultipartUploadResult", body, headers=_written(stored))


def _listing(home: Bucket, bucket: str, query: Mapping[str, str]) -> Answer:
    prefix, limit = query.get("prefix", ""), min(int(query.get("max-keys", 1000)), 1000)
    after = query.get("start-after") or query.get("marker") or ""
    start = after + "\0" if after else ""
    if "continuation-token" in query:
        start = base64.urlsafe_b64decode(query["continuation-token"]).decode()
    found, prefixes, following = home.page(prefix, query.get("delimiter", ""), start, limit)
    body = f"<Name>{escape(bucket)}</Name><Prefix>{escape(prefix)}</Prefix>"
    body += f"<KeyCount>{len(found) + len(prefixes)}</KeyCount><MaxKeys>{limit}</MaxKeys>"
    body += f"<IsTruncated>{'false' if following is None else 'true'}</IsTruncated>"
    if following is not None:
        token = base64.urlsafe_b64encode(following.encode()).decode()
        body += f"<NextContinuationToken>{token}</NextContinuationToken>"
    for each in found:
        body += (
            f"<Contents><Key>{escape(each.name)}</Key><Generation>{each.generation}</Generation>"
            f"<LastModified>{_time(each)}</LastModified><ETag>&quot;{each.etag}&quot;</ETag>"
            f"<Size>{len(each.data)}</Size></Contents>"
        )
    for each_prefix in prefixes:
        body += f"<CommonPrefixes><Prefix>{escape(each_prefix)}</Prefix></CommonPrefixes>"
    return _xml(200, "ListBucketResult", body)


def _uploads(home: Bucket, query: Mapping[str, str]) -> Answer:
    after = (query.get("key-marker", ""), query.get("upload-id-marker", ""))
    limit = min(int(query.get("max-uploads", 1000)), 1000)
    named = sorted(
        (upload.name, identity)
        for identity, upload in home.uploads.items()
        if upload.name.startswith(query.get("prefix", "")) and not upload.conditions
    )
    left = [each for each in named if each > after]
    body = f"<IsTruncated>{'true' if len(left) > limit else 'false'}</IsTruncated>"
    for name, identity in left[:limit]:
        started = home.uploads[identity].started.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        body += (
            f"<Upload><Key>{escape(name)}</Key><UploadId>{identity}</UploadId>"
            f"<Initiated>{started}</Initiated></Upload>"
        )
    if len(left) > limit:
        name, identity = left[limit - 1]
        body += f"<NextKeyMarker>{escape(name)}</NextKeyMarker>"
        body += f"<NextUploadIdMarker>{identity}</NextUploadIdMarker>"
    return _xml(200, "ListMultipartUploadsResult", body)


def _conditions(request: Request) -> dict[str, str]:
    found = {
        name: request.headers[header]
        for header, name in CONDITIONS.items()
        if header in request.headers
    }
    if "generation" in request.query:
        found["generation"] = request.query["generation"]
    return found


def _refuse_conditions(request: Request) -> None:
    """https://cloud.google.com/storage/docs/multipart-uploads#considerations."""
    if any(name.startswith("x-goog-if-") for name in request.headers):
        raise Failure(
            400, "notImplemented", "NotImplemented", "Multipart uploads take no preconditions."
        )


def _about(request: Request) -> About:
    metadata = {
        name.removeprefix("x-goog-meta-"): text
        for name, text in request.headers.items()
        if name.startswith("x-goog-meta-")
    }
    return About(
        content_type=request.headers.get("content-type", About().content_type),
        metadata=metadata,
        storage_class=request.headers.get("x-goog-storage-class", "STANDARD"),
        content_encoding=request.headers.get("content-encoding", ""),
    )


def _digests(request: Request) -> dict[str, str]:
    found: dict[str, str] = {}
    if "content-md5" in request.headers:
        found["md5"] = request.headers["content-md5"]
    for name, text in re.findall(r"(crc32c|md5)=([^,\s]+)", request.headers.get("x-goog-hash", "")):
        found[name] = text
    return found


def _written(stored: Stored) -> dict[str, str]:
    told = ("ETag", "x-goog-generation", "x-goog-metageneration", "x-goog-hash")
    return {name: text for name, text in described(stored).items() if name in told}


def _xml(
    status: int,
    root: str,
    body: str,
    *,
    headers: Mapping[str, str] | None = None,
    namespace: str = NAMESPACE,
) -> Answer:
    named = f' xmlns="{namespace}"' if namespace else ""
    text = f"<?xml version='1.0' encoding='UTF-8'?><{root}{named}>{body}</{root}>"
    kind = {"Content-Type": "application/xml; charset=UTF-8"}
    return Answer(status, {**kind, **(headers or {})}, text.encode())


def _time(stored: Stored) -> str:
    return stored.created.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
