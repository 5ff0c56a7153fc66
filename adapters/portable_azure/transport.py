"""HTTP for azure-core's pipeline, on urllib3: whole answers only, nothing changed on the way.

azure-core's own transport reads proxies and ``.netrc`` anew for each request, which costs as much
as the rest of it, takes a request for unsent that may have arrived, and gives bodies in blocks
that have to be full.
"""

from __future__ import annotations

import logging
import os
import re
import time
import urllib.request
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast
from urllib.parse import urlsplit

import certifi
from azure.core.pipeline.transport import HttpRequest, HttpTransport
from urllib3 import HTTPConnectionPool, PoolManager, ProxyManager, Retry, Timeout
from urllib3.exceptions import IncompleteRead, ReadTimeoutError

from portable_azure.settings import AccountSettings

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

CONNECTIONS = 64
BLOCK_BYTES = 64 * 1024
ONE_SEND = 256 * 1024
ONCE = Retry(total=False, redirect=False)  # the core retries


class Answer:
    """What the service said.

    Attributes:
        headers: Names in any case.
        body: All of it; empty where it is streamed.
        raw: The body, still to be read, where it is streamed.
    """

    def __init__(self, raw: BaseHTTPResponse, body: bytes) -> None:
        self.status_code = raw.status
        self.reason = raw.reason
        self.headers: Mapping[str, str] = raw.headers
        self.raw = raw
        self.body = body


class Transport(HttpTransport[HttpRequest, Any]):
    """Sends requests to one endpoint. Safe in threads."""

    def __init__(self, endpoint: str, settings: AccountSettings) -> None:
        self._seconds = settings.deadline
        self._manager = _manager(endpoint, settings)
        self._pool: HTTPConnectionPool = self._manager.connection_from_url(endpoint)

    def send(self, request: HttpRequest, *, stream: bool = False, **_: object) -> Answer:
        """Send *request* once; an answer that is good and to be a stream isn't read here."""
        try:
            raw = self._pool.urlopen(
                request.method,
                _target(request.url),
                body=_sendable(cast("bytes | memoryview | None", request.data)),
                headers=request.headers,
                retries=ONCE,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        finally:
            del request  # a traceback that shows locals would show its URL, which may be signed
        if stream and raw.status < 300:
            return Answer(raw, b"")
        return Answer(raw, self._whole(raw))

    def open(self) -> None:
        """Nothing: connections are made as they are needed."""

    def close(self) -> None:
        """Drop connections."""
        self._manager.clear()
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.close()

    def _whole(self, raw: BaseHTTPResponse) -> bytes:
        """The body, counted, by a deadline: a drip must not hold a call."""
        until = time.monotonic() + self._seconds
        body = bytearray()
        try:
            while block := raw.read1(BLOCK_BYTES):
                body += block
                if time.monotonic() > until:
                    raise ReadTimeoutError(self._pool, "", "the answer takes too long")
            if raw.length_remaining:
                raise IncompleteRead(len(body), raw.length_remaining)
        except BaseException:
            raw.close()
            raise
        raw.release_conn()
        return bytes(body)


def _target(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _without_signature(record: logging.LogRecord) -> bool:
    """urllib3 logs every URL at DEBUG."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            re.sub(r"\bsig=[^&\s]+", "sig=…", each) if isinstance(each, str) else each
            for each in record.args
        )
    return True


logging.getLogger("urllib3.connectionpool").addFilter(_without_signature)


def _manager(endpoint: str, settings: AccountSettings) -> PoolManager:
    options: dict[str, Any] = {
        "maxsize": CONNECTIONS,
        "timeout": Timeout(connect=settings.connect_timeout, read=settings.read_timeout),
    }
    parts = urlsplit(endpoint)
    if parts.scheme == "https":
        options["ca_certs"] = (
            settings.ca_bundle or os.environ.get("REQUESTS_CA_BUNDLE") or certifi.where()
        )
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(parts.hostname or ""):
        return ProxyManager(proxy, **options)
    return PoolManager(**options)


def _sendable(body: bytes | memoryview | None) -> bytes | Iterable[bytes] | None:
    """Large bodies in blocks: the socket's timeout is for one block, not for all of a part."""
    if body is None or len(body) <= ONE_SEND:
        return body if body is None else bytes(body)
    view = memoryview(body)
    return (bytes(view[start : start + ONE_SEND]) for start in range(0, len(view), ONE_SEND))
