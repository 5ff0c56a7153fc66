"""Google Cloud Storage: the JSON and the XML API of the project's own fake."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl

from portable.adapter import StorageSettings
from portable.errors import (
    BucketNotFound,
    ClockSkew,
    CredentialsExpired,
    PermissionDenied,
    PortableError,
    Unauthenticated,
)
from portable.testing.fakes.gcs import FakeGcs
from portable.testing.faults import Answer, Request, error_answer, slow_down
from portable_gcp import ADAPTER
from portable_gcp.multipart import UNFINISHED
from portable_gcp.settings import GcsSettings

from .dialect import BUCKET, FAST_READS, READ_TIMEOUT, Dialect, Engine

if TYPE_CHECKING:
    from .scenes import Operation

OBJECTS = f"/storage/v1/b/{BUCKET}/o"


class GcsStore:
    """A bucket of the fake, which is in this process, from within."""

    def __init__(self, server: FakeGcs) -> None:
        self.port = int(server.endpoint.rpartition(":")[2])
        self._state = server._state
        self._bucket = self._state.bucket(BUCKET)

    def content(self, key: str) -> bytes | None:
        stored = self._bucket.objects.get(key)
        return stored.data if stored else None

    def revision(self, key: str) -> str:
        return str(self._bucket.objects[key].generation)

    def leftovers(self, prefix: str) -> int:
        parts = sum(len(self._bucket.uploads[upload].parts) for upload in self._uploads(prefix))
        return parts + len(self._names(UNFINISHED))

    def drop(self, prefix: str) -> None:
        with self._state.lock:
            for name in (*self._names(prefix), *self._names(UNFINISHED)):
                self._state.remove(BUCKET, name, {})
            for upload in self._uploads(prefix):
                del self._bucket.uploads[upload]

    def _names(self, prefix: str) -> list[str]:
        return [name for name in self._bucket.names if name.startswith(prefix)]

    def _uploads(self, prefix: str) -> list[str]:
        """Those below *prefix*, and those whose object gets another name at first."""
        found = list(self._bucket.uploads.items())
        return [name for name, each in found if each.name.startswith((prefix, UNFINISHED))]


def json_error(status: int, reason: str, message: str = "", **headers: str) -> Answer:
    """An error as the JSON API words it."""
    about = {"reason": reason, "message": message, "domain": "global"}
    told = {"error": {"code": status, "message": message, "errors": [about]}}
    extra = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(status, (("Content-Type", "application/json"), *extra), json.dumps(told).encode())


FAILED = json_error(500, "internalError", "We encountered an internal error. Please try again.")
NOT_NOW = json_error(429, "rateLimitExceeded", "The object exceeded the rate limit.")
ANSWERS = {
    "503 backendError": json_error(503, "backendError", "Backend Error"),
    "503 SlowDown": slow_down(),
    "503 ServiceUnavailable": error_answer(503, "ServiceUnavailable"),
    "429 Retry-After": json_error(429, "rateLimitExceeded", "Slow down.", retry_after="2"),
    "500 internalError": FAILED,
    "502 not Google's": Answer(502, (("Content-Type", "text/html"),), b"<html>Error 502</html>"),
    "408 timeout": json_error(408, "requestTimeout", "Request timed out."),
}
REFUSALS: dict[str, tuple[Answer, type[PortableError]]] = {
    "expired credentials": (
        error_answer(400, "ExpiredToken", "The provided token has expired."),
        CredentialsExpired,
    ),
    "clock skew": (
        error_answer(403, "RequestTimeTooSkewed", "The difference is too large."),
        ClockSkew,
    ),
    "wrong token": (json_error(401, "authError", "Invalid Credentials"), Unauthenticated),
    "no token": (json_error(401, "required", "Anonymous caller has no access"), Unauthenticated),
    "not allowed": (json_error(403, "forbidden", "does not have access"), PermissionDenied),
    "no such bucket": (
        json_error(404, "notFound", "The specified bucket does not exist."),
        BucketNotFound,
    ),
}
USUAL = frozenset({"get", "stat", "list", "put", "begin", "commit", "publish", "copy"})


class Gcs(Dialect):
    """urllib3 with google-auth's credentials."""

    name = "gcp sdk"
    provider = "gcp"
    adapter = ADAPTER
    engine: ClassVar[Engine] = "sdk"
    publishes = "publish"
    answers = ANSWERS
    failed = FAILED
    refusals = REFUSALS
    not_now = NOT_NOW
    with_answer = USUAL | {"delete_many"}
    # What names objects in a JSON body is guarded by TLS alone.
    with_body = frozenset({"put", "part", "commit"})
    # A finished upload is looked at, and once more to settle what became of it.
    asked_again = frozenset(
        ("stat", operation) for operation in ("put 17 MiB", "put generator", "open wb")
    )
    # The copy that was published is dropped by one request; what it leaves is told of.
    leaves = frozenset({("delete", "put 9 MiB if_absent"), ("delete", "put 9 MiB if_match")})

    def environment(self) -> Mapping[str, str]:
        return {}

    @contextmanager
    def start(self) -> Iterator[GcsStore]:
        with FakeGcs() as server:
            server.make_bucket(BUCKET)
            yield GcsStore(server)

    def settings(self, endpoint: str) -> StorageSettings:
        return GcsSettings(
            bucket=BUCKET,
            endpoint=endpoint,
            engine=self.engine,
            read_timeout=READ_TIMEOUT,
            connect_timeout=READ_TIMEOUT,
        )

    def kind_of(self, request: Request) -> str:
        path, _, query = request.target.partition("?")
        if path.startswith("/upload/"):
            return "put"
        if path.startswith("/batch/"):
            return "delete_many"
        if path.startswith("/storage/"):
            return _kind_of_json(request.method, path)
        return _kind_of_xml(request.method, dict(parse_qsl(query, keep_blank_values=True)))


class FastGcs(Gcs):
    """obstore."""

    name = "gcp fast"
    engine = "fast"
    writes = False

    def takes(self, operation: Operation) -> bool:
        return operation.name in FAST_READS


def _kind_of_json(method: str, path: str) -> str:
    if "/rewriteTo/" in path:
        return "publish" if UNFINISHED.rstrip("/") in path else "copy"
    if method == "GET":
        return "list" if path == OBJECTS else "stat"
    return {"DELETE": "delete"}.get(method, method)


def _kind_of_xml(method: str, query: dict[str, Any]) -> str:
    match method:
        case "HEAD":
            return "stat"
        case "GET":
            return "uploads" if "uploads" in query else "get"
        case "POST":
            return "begin" if "uploads" in query else "commit"
        case "DELETE":
            return "abort" if "uploadId" in query else "delete"
    return "part" if "uploadId" in query else "put"
