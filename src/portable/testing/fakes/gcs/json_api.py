"""The JSON API, as google-cloud-storage and `portable` speak it.

https://cloud.google.com/storage/docs/json_api/v1
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qsl, quote

from portable.testing.fakes.gcs.media import media
from portable.testing.fakes.gcs.state import (
    About,
    Bucket,
    Failure,
    State,
    Stored,
    Upload,
    check,
    check_digests,
    invalid,
    no_bucket,
)
from portable.testing.fakes.wire import Answer, Request, text_of

PAGE = 1000
COMPOSED_MOST = 32
BATCH_MOST = 100


def answer(status: int, body: Mapping[str, Any] | None = None, **headers: str) -> Answer:
    """An answer of JSON."""
    if body is None:
        return Answer(status, headers)
    kind = {"Content-Type": "application/json; charset=UTF-8"}
    return Answer(status, {**kind, **headers}, json.dumps(body).encode())


def refused(failure: Failure) -> Answer:
    """An error, as the JSON API says it; without a reason, in plain text."""
    if not failure.reason:
        return Answer(failure.status, {"Content-Type": "text/plain"}, failure.words.encode())
    about = {
        "code": failure.status,
        "message": failure.words,
        "errors": [{"message": failure.words, "domain": "global", "reason": failure.reason}],
    }
    return answer(failure.status, {"error": about})


class JsonApi:
    """Answers what is below ``/storage/v1``, ``/upload`` and ``/download``."""

    def __init__(self, state: State, endpoint: str, rewrite_bytes: int) -> None:
        self._state = state
        self._endpoint = endpoint
        self._rewrite_bytes = rewrite_bytes

    def handle(self, request: Request) -> Answer:
        try:
            return self._route(request)
        except Failure as failure:
            return refused(failure)

    def _route(self, request: Request) -> Answer:
        where, _, rest = request.path.partition("/storage/v1/b")
        parts = rest.strip("/").split("/") if rest.strip("/") else []
        names = [text_of(part) for part in parts]
        method = request.method
        if request.path.startswith("/batch/"):
            return self._batch(request)
        if where.startswith(("/upload", "/resumable/upload")):
            return self._upload(request, names[0])
        if not names:
            return self._buckets(request)
        if len(names) == 1:
            return self._bucket(method, names[0])
        if names[1] != "o":
            raise invalid(f"nothing here answers {method} {request.path}")
        if len(names) == 2:
            return self._list(request, names[0])
        return self._object(request, names)

    def _object(self, request: Request, names: list[str]) -> Answer:
        method, bucket, name, query = request.method, names[0], names[2], request.query
        if method == "POST" and len(names) == 8 and names[3] in ("rewriteTo", "copyTo"):
            return self._rewrite(request, (bucket, name), (names[5], names[7]), names[3])
        if method == "POST" and len(names) == 4 and names[3] == "compose":
            return self._compose(request, bucket, name)
        if len(names) != 3:
            raise invalid(f"nothing here answers {method} {request.path}")
        if method == "GET" and query.get("alt") == "media":
            return media(self._state, bucket, name, query, request.headers)
        if method == "GET":
            return answer(200, resource(bucket, self._state.object(bucket, name, query)))
        if method == "DELETE":
            self._state.remove(bucket, name, query)
            return Answer(204)
        if method in ("PATCH", "PUT"):
            return self._patch(request, bucket, name)
        raise invalid(f"nothing here answers {method} {request.path}")

    def _buckets(self, request: Request) -> Answer:
        with self._state.lock:
            if request.method == "GET":
                items = [_bucket_resource(name) for name in sorted(self._state.buckets)]
                return answer(200, {"kind": "storage#buckets", "items": items})
            name = json.loads(request.body)["name"]
            if name in self._state.buckets:
                raise Failure(409, "conflict", "BucketAlreadyOwnedByYou", "You own this bucket.")
            self._state.buckets[name] = Bucket()
            return answer(200, _bucket_resource(name))

    def _bucket(self, method: str, name: str) -> Answer:
        with self._state.lock:
            home = self._state.bucket(name)
            if method == "GET":
                return answer(200, _bucket_resource(name))
            if home.objects:
                raise Failure(409, "conflict", "BucketNotEmpty", "The bucket isn't empty.")
            del self._state.buckets[name]
            return Answer(204)

    def _list(self, request: Request, bucket: str) -> Answer:
        query = request.query
        limit = min(int(query.get("maxResults", PAGE)), PAGE)
        start = query.get("startOffset", "")
        if "pageToken" in query:
            start = base64.urlsafe_b64decode(query["pageToken"]).decode()
        with self._state.lock:
            found, prefixes, following = self._state.bucket(bucket).page(
                query.get("prefix", ""), query.get("delimiter", ""), start, limit
            )
        body: dict[str, Any] = {"kind": "storage#objects"}
        if found:
            body["items"] = [resource(bucket, each) for each in found]
        if prefixes:
            body["prefixes"] = prefixes
        if following is not None:
            body["nextPageToken"] = base64.urlsafe_b64encode(following.encode()).decode()
        return answer(200, body)

    def _patch(self, request: Request, bucket: str, name: str) -> Answer:
        given = json.loads(request.body)
        with self._state.lock:
            found = self._state.object(bucket, name, request.query)
            about = _about(given, found.about)
            if isinstance(given.get("metadata"), dict) and request.method == "PATCH":
                merged = {**found.about.metadata, **given["metadata"]}
                about.metadata = {key: text for key, text in merged.items() if text is not None}
            found.about = about
            found.metageneration += 1
        return answer(200, resource(bucket, found))

    def _upload(self, request: Request, bucket: str) -> Answer:
        query = request.query
        if bucket not in self._state.buckets:
            raise no_bucket()
        if "upload_id" in query:
            return self._resume(request, bucket)
        kind = query.get("uploadType")
        if kind == "media":
            about = About(content_type=request.headers.get("content-type", About().content_type))
            return self._stored(bucket, query["name"], request.body, about, query)
        if kind == "multipart":
            given, data, content_type = _related(request)
            about = _about(given, About(content_type=content_type))
            check_digests(data, _digests(given))
            return self._stored(bucket, query.get("name") or given["name"], data, about, query)
        if kind == "resumable":
            given = json.loads(request.body or b"{}")
            kind = request.headers.get("x-upload-content-type", About().content_type)
            about = _about(given, About(content_type=kind))
            name = query.get("name") or given["name"]
            upload = Upload(
                name=name, about=about, conditions=dict(query), expected=_digests(given)
            )
            identity = self._state.begin(bucket, upload)
            place = f"{self._endpoint}/upload/storage/v1/b/{quote(bucket)}/o"
            return answer(200, Location=f"{place}?uploadType=resumable&upload_id={identity}")
        raise invalid(f"there is no uploadType {kind!r}")

    def _resume(self, request: Request, bucket: str) -> Answer:
        """https://cloud.google.com/storage/docs/performing-resumable-uploads."""
        identity = request.query["upload_id"]
        with self._state.lock:
            upload = self._state.upload(bucket, identity)
            if request.method == "DELETE":
                del self._state.bucket(bucket).uploads[identity]
                return Answer(499)
            given = request.headers.get("content-range", f"bytes 0-*/{len(request.body)}")
            match = re.fullmatch(r"bytes (\*|(\d+)-(\d+|\*))/(\d+|\*)", given)
            if match is None or (match[2] and int(match[2]) != len(upload.data)):
                raise invalid(f"Invalid Content-Range: {given}")
            upload.data += request.body
            if match[4] == "*" or int(match[4]) != len(upload.data):
                seen = {"Range": f"bytes=0-{len(upload.data) - 1}"} if upload.data else {}
                return Answer(308, seen)
            check_digests(bytes(upload.data), upload.expected)
            stored = self._stored(
                bucket, upload.name, bytes(upload.data), upload.about, upload.conditions
            )
            del self._state.bucket(bucket).uploads[identity]
            return stored

    def _stored(
        self, bucket: str, name: str, data: bytes, about: About, query: Mapping[str, str]
    ) -> Answer:
        return answer(200, resource(bucket, self._state.store(bucket, name, data, about, query)))

    def _rewrite(
        self, request: Request, source: tuple[str, str], target: tuple[str, str], how: str
    ) -> Answer:
        query = request.query
        given = json.loads(request.body) if request.body else {}
        with self._state.lock:
            if target[0] not in self._state.buckets:
                raise no_bucket()
            found = self._state.object(*source, _of_source(query))
            done = int(query.get("rewriteToken", f"{found.generation}.0").partition(".")[2])
            done += self._rewrite_bytes
            if how == "rewriteTo" and done < len(found.data):
                check(query, self._state.bucket(target[0]).objects.get(target[1]))
                body = {
                    "kind": "storage#rewriteResponse",
                    "totalBytesRewritten": str(done),
                    "objectSize": str(len(found.data)),
                    "done": False,
                    "rewriteToken": f"{found.generation}.{done}",
                }
                return answer(200, body)
            about = replace(found.about, storage_class="STANDARD")
            if given:
                about = _about(given, About())
            stored = self._state.store(*target, found.data, about, query, has_md5=found.has_md5)
        if how == "copyTo":
            return answer(200, resource(target[0], stored))
        body = {
            "kind": "storage#rewriteResponse",
            "totalBytesRewritten": str(len(found.data)),
            "objectSize": str(len(found.data)),
            "done": True,
            "resource": resource(target[0], stored),
        }
        return answer(200, body)

    def _compose(self, request: Request, bucket: str, name: str) -> Answer:
        given = json.loads(request.body)
        if not 1 <= len(given["sourceObjects"]) <= COMPOSED_MOST:
            raise invalid("The number of source components must be from 1 to 32.")
        with self._state.lock:
            data = b"".join(
                self._state.object(
                    bucket,
                    each["name"],
                    {key: str(text) for key, text in each.get("objectPreconditions", {}).items()},
                ).data
                for each in given["sourceObjects"]
            )
            about = _about(given.get("destination", {}), About())
            stored = self._state.store(bucket, name, data, about, request.query, has_md5=False)
        return answer(200, resource(bucket, stored))

    def _batch(self, request: Request) -> Answer:
        parts = _parts(request)
        if len(parts) > BATCH_MOST:
            raise invalid(f"A batch has {BATCH_MOST} calls at most.")
        answers = []
        for about, call in parts:
            match = re.match(rb"(\w+) (\S+)(?: HTTP/1\.1)?\r?\n", call)
            if match is None:
                raise invalid("A part of the batch is no request.")
            target = match[2].decode()
            head, _, body = call.partition(b"\r\n\r\n")
            path, _, query = target.partition("?")
            inner = Request(
                match[1].decode(),
                target,
                {},
                body.strip() if b"json" in head else b"",
                re.sub(r"^https?://[^/]*", "", path),
                dict(parse_qsl(query, keep_blank_values=True)),
            )
            given = self.handle(inner)
            identity = about.get("content-id", "").strip("<>")
            answers.append(
                b"--batch\r\nContent-Type: application/http\r\n"
                + f"Content-ID: <response-{identity}>\r\n\r\n".encode()
                + f"HTTP/1.1 {given.status} Answer\r\n".encode()
                + f"Content-Type: application/json\r\nContent-Length: {len(given.body)}".encode()
                + b"\r\n\r\n"
                + bytes(given.body)
                + b"\r\n"
            )
        kind = {"Content-Type": "multipart/mixed; boundary=batch"}
        return Answer(200, kind, b"".join(answers) + b"--batch--\r\n")


def resource(bucket: str, stored: Stored) -> dict[str, Any]:
    """An object, as the JSON API describes it."""
    written = stored.created.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    about = {
        "kind": "storage#object",
        "id": f"{bucket}/{stored.name}/{stored.generation}",
        "name": stored.name,
        "bucket": bucket,
        "generation": str(stored.generation),
        "metageneration": str(stored.metageneration),
        "contentType": stored.about.content_type,
        "storageClass": stored.about.storage_class,
        "size": str(len(stored.data)),
        "crc32c": stored.crc32c,
        "etag": base64.b64encode(str(stored.generation).encode()).decode(),
        "timeCreated": written,
        "updated": written,
    }
    if stored.about.metadata:
        about["metadata"] = stored.about.metadata  # type: ignore[assignment]
    if stored.about.content_encoding:
        about["contentEncoding"] = stored.about.content_encoding
    if stored.has_md5:
        about["md5Hash"] = stored.md5
    return about


def _bucket_resource(name: str) -> dict[str, Any]:
    return {"kind": "storage#bucket", "id": name, "name": name, "location": "US"}


def _about(given: Mapping[str, Any], otherwise: About) -> About:
    metadata = given.get("metadata")
    return About(
        content_type=given.get("contentType") or otherwise.content_type,
        metadata=dict(otherwise.metadata if metadata is None else metadata),
        storage_class=given.get("storageClass") or otherwise.storage_class,
        content_encoding=given.get("contentEncoding") or otherwise.content_encoding,
    )


def _digests(given: Mapping[str, Any]) -> dict[str, str]:
    named = {"crc32c": given.get("crc32c"), "md5": given.get("md5Hash")}
    return {name: text for name, text in named.items() if text is not None}


def _of_source(query: Mapping[str, str]) -> dict[str, str]:
    """The conditions and generation of a copy's source, as those of a read."""
    found = {
        name.replace("ifSource", "if"): text
        for name, text in query.items()
        if name.startswith("ifSource")
    }
    if "sourceGeneration" in query:
        found["generation"] = query["sourceGeneration"]
    return found


def _unreadable(words: str) -> Failure:
    """Of a body whose parts can't be told apart."""
    return Failure(400, "", "", words)


def _related(request: Request) -> tuple[dict[str, Any], bytes, str]:
    """Metadata, content and content type of an upload in one request."""
    parts = _parts(request)
    if len(parts) != 2:
        raise _unreadable(f"Invalid multipart request with {len(parts)} mime parts.")
    (_, described), (about, data) = parts
    return json.loads(described), data, about.get("content-type", About().content_type)


def _parts(request: Request) -> list[tuple[dict[str, str], bytes]]:
    """The parts of a body, each with its headers."""
    match = re.search(r"""boundary=["']?([^"';]+)""", request.headers.get("content-type", ""))
    if match is None:
        raise _unreadable("Malformed multipart body.")
    marker = b"--" + match[1].encode()
    body = request.body
    found: list[tuple[dict[str, str], bytes]] = []
    start = body.find(marker)
    while start >= 0:
        start += len(marker)
        if body[start : start + 2] == b"--":
            break
        end = body.find(b"\n" + marker, start)
        if end < 0:
            raise _unreadable("Missing end boundary in multipart body.")
        piece = body[body.index(b"\n", start) + 1 : end - (body[end - 1 : end] == b"\r")]
        head, separator, data = piece.partition(b"\r\n\r\n")
        if not separator:
            head, _, data = piece.partition(b"\n\n")
        headers = BytesParser().parsebytes(head + b"\n\n", headersonly=True)
        found.append(({name.lower(): text for name, text in headers.items()}, data))
        start = end + 1
    return found
