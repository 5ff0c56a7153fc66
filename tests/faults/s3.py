"""S3, and what speaks like it: moto behind a shim that checks what S3 checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from portable.adapter import StorageSettings
from portable.errors import (
    BucketNotFound,
    ClockSkew,
    ConfigError,
    CredentialsExpired,
    PermissionDenied,
    PortableError,
    Unauthenticated,
)
from portable.testing.faults import (
    Answer,
    Request,
    conflict,
    error_answer,
    internal_error,
    slow_down,
    too_many_requests,
)
from portable.testing.servers import S3Server, client, make_bucket, moto_server
from portable.testing.targets.s3 import ENVIRONMENT
from portable_aws import ADAPTER
from portable_aws.settings import S3Settings

from .dialect import BUCKET, FAST_READS, IN_PLACE, READ_TIMEOUT, Dialect, Engine

if TYPE_CHECKING:
    from .scenes import Operation

ANSWERS = {
    "503 SlowDown": slow_down(),
    "503 ServiceUnavailable": error_answer(503, "ServiceUnavailable"),
    "429 Retry-After": too_many_requests(2),
    "500 InternalError": internal_error(),
    "502 not S3's": error_answer(502, "BadGateway"),
    "409 conflict": conflict(),
    "400 RequestTimeout": error_answer(400, "RequestTimeout"),
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
    "wrong region": (
        error_answer(400, "AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong"),
        ConfigError,
    ),
    "bucket of another region": (
        error_answer(301, "PermanentRedirect", "Use the specified endpoint."),
        ConfigError,
    ),
    "unknown key": (error_answer(403, "InvalidAccessKeyId"), Unauthenticated),
    "wrong secret": (error_answer(403, "SignatureDoesNotMatch"), Unauthenticated),
    "not allowed": (error_answer(403, "AccessDenied", "Access Denied"), PermissionDenied),
    "no such bucket": (error_answer(404, "NoSuchBucket"), BucketNotFound),
}
ONLY_ON = {"409 conflict": frozenset({"put", "commit", "copy"})}


class S3Store:
    """A bucket through boto3."""

    def __init__(self, server: S3Server) -> None:
        self.server = server
        self.port = server.port
        make_bucket(server, BUCKET)
        self._client: Any = client(server, max_pool_connections=4)

    def close(self) -> None:
        self._client.close()

    def content(self, key: str) -> bytes | None:
        try:
            body: bytes = self._client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        except self._client.exceptions.NoSuchKey:
            return None
        return body

    def revision(self, key: str) -> str:
        etag: str = self._client.head_object(Bucket=BUCKET, Key=key)["ETag"]
        return etag

    def leftovers(self, prefix: str) -> int:
        return sum(
            len(self._client.list_parts(**upload).get("Parts", ()))
            for upload in self._uploads(prefix)
        )

    def drop(self, prefix: str) -> None:
        listed = self._client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", ())
        for entry in listed:
            self._client.delete_object(Bucket=BUCKET, Key=entry["Key"])
        for upload in self._uploads(prefix):
            self._client.abort_multipart_upload(**upload)

    def _uploads(self, prefix: str) -> list[dict[str, str]]:
        found = self._client.list_multipart_uploads(Bucket=BUCKET, Prefix=prefix)
        return [
            {"Bucket": BUCKET, "Key": upload["Key"], "UploadId": upload["UploadId"]}
            for upload in found.get("Uploads", ())
        ]


class S3(Dialect):
    """boto3."""

    name = "aws sdk"
    provider = "aws"
    adapter = ADAPTER
    engine: ClassVar[Engine] = "sdk"
    whole = True
    answers = ANSWERS
    only_on = ONLY_ON
    failed = internal_error()
    refusals = REFUSALS
    not_now = conflict()
    with_answer = frozenset({"get", "list", "begin", "commit", "copy", "delete_many"})
    with_body = frozenset({"put", "part", "commit", "delete_many"})

    def environment(self) -> Mapping[str, str]:
        return ENVIRONMENT

    @contextmanager
    def start(self) -> Iterator[S3Store]:
        with moto_server() as server:
            store = S3Store(server)
            yield store
            store.close()

    def settings(self, endpoint: str) -> StorageSettings:
        return S3Settings(
            bucket=BUCKET,
            endpoint=endpoint,
            region="us-east-1",
            engine=self.engine,
            read_timeout=READ_TIMEOUT,
            connect_timeout=READ_TIMEOUT,
        )

    def reusable(self, settings: StorageSettings) -> bool:
        # The fast engine remembers which keys obstore had trouble with.
        return isinstance(settings, S3Settings) and settings.engine == "sdk"

    def takes(self, operation: Operation) -> bool:
        return operation.name != IN_PLACE

    def kind_of(self, request: Request) -> str:
        query = request.target.partition("?")[2]
        names = {pair.partition("=")[0] for pair in query.split("&")}
        match request.method:
            case "HEAD":
                return "stat"
            case "GET":
                return "list" if "list-type" in names else "get"
            case "DELETE":
                return "abort" if "uploadId" in names else "delete"
            case "POST" if "delete" in names:
                return "delete_many"
            case "POST":
                return "begin" if "uploads" in names else "commit"
        if "uploadId" in names:
            return "part"
        return "copy" if request.header("x-amz-copy-source") else "put"


class FastS3(S3):
    """obstore."""

    name = "aws fast"
    engine = "fast"
    whole = False

    def takes(self, operation: Operation) -> bool:
        return operation.name in FAST_READS | {IN_PLACE, "put small"}
