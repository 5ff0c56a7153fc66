"""The WSGI application: each request checked, passed on, and its answer completed."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from urllib.parse import quote, unquote_to_bytes

from .answers import (
    Answer,
    Application,
    Environ,
    Refused,
    StartResponse,
    call,
    no_such_key,
    no_such_upload,
    precondition_failed,
)
from .chunks import decode
from .request import Request, check_digests, check_limits, check_payload_hash, is_for_s3, read
from .uploads import Uploads, has_checksum

LOCKS = 64


class Checked:
    """*application*, with S3's checks in front of its S3; other services pass untouched."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._uploads = Uploads()
        self._locks = [threading.Lock() for _ in range(LOCKS)]

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not is_for_s3(environ):
            return self._application(environ, start_response)
        try:
            request = read(environ)
            if request.method in ("GET", "HEAD"):
                answer = self._read(request)
            else:
                check_payload_hash(request)
                decode(request)
                # A condition is looked up and acted on as one.
                with self._locks[hash(request.path) % LOCKS]:
                    answer = self._write(request)
        except Refused as refusal:
            answer = refusal.answer(has_body=environ["REQUEST_METHOD"] != "HEAD")
        return answer.send(start_response)

    def _pass_on(self, request: Request) -> Answer:
        return call(self._application, request.forwarded())

    def _read(self, request: Request) -> Answer:
        answer = self._pass_on(request)
        if request.query("uploads") is not None:
            self._uploads.correct_times(answer)
        claims = answer.checksums()
        if claims.get("x-amz-checksum-type") == "COMPOSITE" and request.method == "HEAD":
            # moto gives the number of parts behind a checksum of checksums only on a GET.
            query = request.environ["QUERY_STRING"]
            asked = request.asking("GET", request.path, query, X_AMZ_CHECKSUM_MODE="ENABLED")
            claims |= call(self._application, asked).checksums()
        elif claims:
            claims.setdefault("x-amz-checksum-type", "FULL_OBJECT")
        for name, value in claims.items():
            answer.set_header(name, value)
        return answer

    def _write(self, request: Request) -> Answer:
        check_limits(request)
        upload_id = request.query("uploadId")
        if request.method == "PUT" and request.header("x-amz-copy-source"):
            return self._copy(request, upload_id)
        if request.method == "POST" and upload_id is not None:
            return self._complete(request, upload_id)
        check_digests(request)
        if request.method == "POST" and request.query("uploads") is not None:
            self._uploads.name_type(request)
            answer = self._pass_on(request)
            self._uploads.begun(request, answer)
            return answer
        return self._put(request, upload_id)

    def _put(self, request: Request, upload_id: str | None) -> Answer:
        algorithm = has_checksum(request)
        if algorithm and not request.header("x-amz-sdk-checksum-algorithm"):
            # moto keeps a digest only when this header, which is for SDKs alone, names it.
            request.set_header("x-amz-sdk-checksum-algorithm", algorithm.upper())
        answer = self._pass_on_for_upload(request, upload_id)
        if answer.status == 200 and request.method == "PUT":
            if upload_id is not None:
                self._uploads.got_part(
                    upload_id, int(request.query("partNumber") or 0), request.body
                )
            if algorithm:
                name = f"x-amz-checksum-{algorithm}"
                answer.set_header(name, request.header(name) or "")
        return answer

    def _copy(self, request: Request, upload_id: str | None) -> Answer:
        source = unquote_to_bytes(request.header("x-amz-copy-source") or "").decode("latin-1")
        path, _, version = source.partition("?versionId=")
        path = "/" + path.lstrip("/")
        query = version and f"versionId={quote(version)}"
        etag = self._etag(request, path, query)
        wanted = request.header("x-amz-copy-source-if-match")
        if wanted and etag is not None and etag != wanted.strip('"'):
            raise precondition_failed("x-amz-copy-source-If-Match")
        unwanted = request.header("x-amz-copy-source-if-none-match")
        if unwanted and etag is not None and etag == unwanted.strip('"'):
            raise precondition_failed("x-amz-copy-source-If-None-Match")
        if upload_id is None:
            self._check_target(request)
        answer = self._pass_on_for_upload(request, upload_id)
        if answer.status == 200 and upload_id is not None:
            span = request.header("x-amz-copy-source-range")
            asked = request.asking("GET", path, query, **({"RANGE": span} if span else {}))
            content = call(self._application, asked).body
            self._uploads.got_part(upload_id, int(request.query("partNumber") or 0), content)
        return answer

    def _complete(self, request: Request, upload_id: str) -> Answer:
        self._check_target(request)
        claim = self._uploads.check_completion(request, upload_id)
        answer = self._pass_on_for_upload(request, upload_id)
        self._uploads.completed(upload_id, claim, answer)
        return answer

    def _check_target(self, request: Request) -> None:
        """Enforce the conditions on the object that would be replaced."""
        if_match, if_none_match = request.header("if-match"), request.header("if-none-match")
        if if_match is None and if_none_match is None:
            return
        etag = self._etag(request, request.path)
        if if_match is not None:
            if etag is None:
                raise no_such_key()
            if etag != if_match.strip('"'):
                raise precondition_failed("If-Match")
        if if_none_match == "*" and etag is not None:
            raise precondition_failed("If-None-Match")

    def _etag(self, request: Request, path: str, query: str = "") -> str | None:
        answer = call(self._application, request.asking("HEAD", path, query))
        etag = answer.header("etag")
        return etag.strip('"') if answer.status == 200 and etag else None

    def _pass_on_for_upload(self, request: Request, upload_id: str | None) -> Answer:
        """Pass a request on; where moto breaks on an upload that isn't there, say so."""
        try:
            return self._pass_on(request)
        except (KeyError, AttributeError):
            if upload_id is None:
                raise
            asked = request.asking("GET", request.path, f"uploadId={quote(upload_id)}")
            listed = call(self._application, asked)
            if listed.status != 404 or b"NoSuchUpload" not in listed.body:
                raise
            raise no_such_upload() from None
