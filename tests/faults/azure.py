"""Azure Blob Storage: Azurite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qsl, urlsplit

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient

from portable.adapter import StorageSettings
from portable.errors import (
    BucketNotFound,
    ClockSkew,
    CredentialsExpired,
    PermissionDenied,
    PortableError,
    Unauthenticated,
)
from portable.testing.faults import Answer, Request, error_answer
from portable.testing.servers._azurite import ACCOUNT, KEY, AzuriteServer, azurite
from portable_azure import ADAPTER
from portable_azure.settings import AzureSettings

from .dialect import BUCKET, FAST_READS, READ_TIMEOUT, Dialect, Engine

if TYPE_CHECKING:
    from .scenes import Operation

SMALLEST_PART = 2  # a part that was given up is replaced by a single byte


class AzureStore:
    """A container through azure-storage-blob."""

    def __init__(self, port: int, container: ContainerClient) -> None:
        self.port = port
        self._container = container

    def content(self, key: str) -> bytes | None:
        try:
            return self._container.download_blob(key).readall()
        except ResourceNotFoundError:
            return None

    def revision(self, key: str) -> str:
        return self._container.get_blob_client(key).get_blob_properties().etag

    def leftovers(self, prefix: str) -> int:
        blocks = (
            block
            for name in self._names(prefix)
            for block in self._container.get_blob_client(name).get_block_list("uncommitted")[1]
        )
        return sum(block.size >= SMALLEST_PART for block in blocks)

    def drop(self, prefix: str) -> None:
        for name in self._names(prefix):
            # A blob of nothing but parts can't be deleted.
            self._container.upload_blob(name, b"", overwrite=True)
            self._container.delete_blob(name)

    def _names(self, prefix: str) -> list[str]:
        found = self._container.list_blobs(prefix, include=["uncommittedblobs"])
        return [blob.name for blob in found]


def azure_error(status: int, code: str, message: str = "", **headers: str) -> Answer:
    """An error as Azure words it."""
    told = {"x_ms_error_code": code, "x_ms_request_id": "0", **headers}
    return error_answer(status, code, message, **told)


FAILED = azure_error(500, "InternalError", "The server encountered an internal error.")
BUSY = azure_error(503, "ServerBusy", "The server is busy.")
ANSWERS = {
    "503 ServerBusy": BUSY,
    "503 Retry-After": azure_error(503, "ServerBusy", "Busy.", retry_after="2"),
    "429": azure_error(429, "TooManyRequests", "Slow down."),
    "500 InternalError": FAILED,
    "500 OperationTimedOut": azure_error(500, "OperationTimedOut", "It took too long."),
    "502 not Azure's": Answer(502, (("Content-Type", "text/html"),), b"<html>Error 502</html>"),
    "408 timeout": azure_error(408, "RequestTimeout"),
}

LATE = (
    "Signature not valid in the specified time frame: Start [Sun, 01 Nov 2026 00:00:00 GMT] - "
    "Expiry [Sun, 01 Nov 2026 01:00:00 GMT] - Current [Sun, 01 Nov 2026 02:00:00 GMT]"
)
SKEWED = "Request date header too old: 'Sun, 01 Nov 2026 00:00:00 GMT'"
FORGED = "The MAC signature found in the HTTP request is not the same as any computed signature."
REFUSALS: dict[str, tuple[Answer, type[PortableError]]] = {
    "expired credentials": (azure_error(403, "AuthenticationFailed", LATE), CredentialsExpired),
    "clock skew": (azure_error(403, "AuthenticationFailed", SKEWED), ClockSkew),
    "wrong key": (azure_error(403, "AuthenticationFailed", FORGED), Unauthenticated),
    "no credentials": (azure_error(401, "NoAuthenticationInformation"), Unauthenticated),
    "not allowed": (azure_error(403, "AuthorizationPermissionMismatch"), PermissionDenied),
    "no such container": (azure_error(404, "ContainerNotFound"), BucketNotFound),
}


def _container(server: AzuriteServer) -> ContainerClient:
    credential = {"account_name": server.account, "account_key": server.key}
    return ContainerClient(server.endpoint, BUCKET, credential=credential, retry_total=0)


class Azure(Dialect):
    """azure-core's pipeline."""

    name = "azure sdk"
    provider = "azure"
    adapter = ADAPTER
    bucket_setting = "container"
    engine: ClassVar[Engine] = "sdk"
    answers = ANSWERS
    failed = FAILED
    refusals = REFUSALS
    not_now = BUSY
    with_answer = frozenset({"get", "list", "blocks"})
    with_body = frozenset({"put", "part", "commit"})
    # They are looked at before a list of them is sent, where it was refused, and to drop them.
    asked_again = asked_twice = frozenset(
        ("blocks", operation)
        for operation in (
            "put 17 MiB",
            "put generator",
            "open wb",
            "put 9 MiB if_absent",
            "put 9 MiB if_match",
        )
    )

    def environment(self) -> Mapping[str, str]:
        return {"AZURE_STORAGE_ACCOUNT": ACCOUNT, "AZURE_STORAGE_KEY": KEY}

    @contextmanager
    def start(self) -> Iterator[AzureStore]:
        with azurite() as server, _container(server) as container:
            container.create_container()
            yield AzureStore(int(urlsplit(server.endpoint).port or 0), container)

    def settings(self, endpoint: str) -> StorageSettings:
        return AzureSettings(
            container=BUCKET,
            endpoint=f"{endpoint}/{ACCOUNT}",
            engine=self.engine,
            read_timeout=READ_TIMEOUT,
            connect_timeout=READ_TIMEOUT,
        )

    def kind_of(self, request: Request) -> str:
        query = dict(parse_qsl(request.target.partition("?")[2], keep_blank_values=True))
        asked = query.get("comp", "")
        match request.method:
            case "HEAD":
                return "stat"
            case "GET":
                return {"list": "list", "blocklist": "blocks"}.get(asked, "get")
            case "DELETE":
                return "delete"
        if asked:
            return {"block": "part", "blocklist": "commit"}.get(asked, asked)
        return "copy" if request.header("x-ms-copy-source") else "put"


class FastAzure(Azure):
    """obstore."""

    name = "azure fast"
    engine = "fast"
    writes = False

    def takes(self, operation: Operation) -> bool:
        return operation.name in FAST_READS
