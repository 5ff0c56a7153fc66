"""One server, spoken to over urllib3 with google-auth's tokens: one request a call."""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3
from google.auth.credentials import Credentials
from google.auth.transport.urllib3 import Request

from portable.errors import CredentialsExpired, PortableError, Unauthenticated, Unavailable
from portable_gcp import credentials
from portable_gcp.errors import from_answer, translated
from portable_gcp.settings import GcsSettings

if TYPE_CHECKING:
    from google.cloud.storage import Client as SdkClient
    from urllib3 import BaseHTTPResponse, HTTPConnectionPool

CONNECTIONS = 64
BLOCK_BYTES = 64 * 1024
RENEWED_SECONDS = 60.0  # a token younger than this that is refused is no stale one
Body = bytes | Iterable[Any]  # bytes-like


class Answer(dict[str, Any]):
    """A parsed answer, of which Google's have all that is looked up here."""

    def __missing__(self, name: str) -> Any:
        raise Unavailable(
            f"the answer lacks {name!r}: it isn't Google's, or not all of it", ambiguous=True
        )


class Client:
    """Sends requests to one server. Safe to use from many threads.

    Attributes:
        server: Scheme, host and port, in normal form.
    """

    def __init__(self, settings: GcsSettings) -> None:
        self._settings = settings
        self.server = settings.server
        self._lock = threading.RLock()
        self._renewed = 0.0
        self._token: str | None = None

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body = b"",
        size: int | None = None,
        seconds: float | None = None,
    ) -> tuple[Mapping[str, str], bytes]:
        """Send one request and read its answer: its headers and its whole body.

        Args:
            size: Of a *body* that isn't bytes.
            seconds: Without a byte; the settings' unless given.
        """
        response = self._open(method, path, query, headers, body, size, seconds)
        return response.headers, self._read(response)

    def tell(self, method: str, path: str, query: Mapping[str, str]) -> None:
        """As `send`, for an answer that has no body: a stranger's has one."""
        _, body = self.send(method, path, query)
        if body.strip() not in (b"", b"null"):  # fake-gcs-server writes its nothing out
            raise Unavailable("the answer has a body where Google's has none", ambiguous=True)

    def ask(self, method: str, path: str, query: Mapping[str, str], **more: Any) -> Answer:
        """As `send`, for an answer of JSON."""
        _, body = self.send(method, path, query, **more)
        try:
            parsed = json.loads(body)
        except ValueError as error:
            raise Unavailable("the answer isn't JSON", ambiguous=True) from error
        if not isinstance(parsed, dict):
            raise Unavailable("the answer isn't a JSON object", ambiguous=True)
        if "error" in parsed:
            raise Unavailable("the answer is an error, whatever its status says", ambiguous=True)
        return Answer(parsed)

    def stream(self, path: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
        """GET, and leave the body to be read; `close` or `release_conn` ends it."""
        return self._open("GET", path, None, headers, b"", None, None)

    @cached_property
    def credentials(self) -> Credentials:
        """google-auth's; found when the first request is sent.

        Raises:
            google.auth.exceptions.DefaultCredentialsError: there are none.
        """
        return credentials.load(self._settings)

    @cached_property
    def native(self) -> SdkClient:
        """google-cloud-storage's own client, of the same server and credentials."""
        from google.cloud.storage import Client as SdkClient

        with translated():
            return SdkClient(
                project=self._settings.project,
                credentials=self.credentials,
                client_options={"api_endpoint": self.server},
            )

    def authorization(self) -> Mapping[str, str]:
        """The headers that let a request in, names in lower case; the token is renewed if due."""
        headers: dict[str, str] = {}
        with translated():
            self._authorize("GET", self.server, headers)
        return {name.lower(): value for name, value in headers.items()}

    def token(self) -> str | None:
        """The access token; `None` where there are no credentials."""
        return self.authorization().get("authorization", "").removeprefix("Bearer ") or None

    def close(self) -> None:
        """Drop connections, where there are any."""
        if "_pool" in vars(self):
            self._pool.close()
        if "native" in vars(self):
            self.native.close()

    def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        body: Body,
        size: int | None,
        seconds: float | None,
    ) -> BaseHTTPResponse:
        target = f"{path}?{urlencode(query, quote_via=quote)}" if query else path
        # As stored, never unpacked on the way:
        # https://cloud.google.com/storage/docs/transcoding#decompressive_transcoding
        sent = {"Accept-Encoding": "gzip", "User-Agent": "portable", **(headers or {})}
        if method in ("POST", "PUT"):
            sent["Content-Length"] = str(len(body) if isinstance(body, bytes) else size)
        timeout = urllib3.Timeout(
            connect=self._settings.connect_timeout, read=seconds or self._settings.read_timeout
        )
        with translated():
            self._authorize(method, self.server + target, sent)
            if self._settings.billing_project is not None:  # before the credentials' own
                sent["x-goog-user-project"] = self._settings.billing_project
            response = self._pool.urlopen(
                method,
                target,
                body=body or None,
                headers=sent,
                retries=False,
                redirect=False,
                timeout=timeout,
                preload_content=False,
                decode_content=False,
            )
        if response.status >= 300:
            raise self._refused(response)
        return response

    def _authorize(self, method: str, url: str, headers: dict[str, str]) -> None:
        with self._lock:  # else all threads would ask for a token at once
            self.credentials.before_request(self._token_request, method, url, headers)  # type: ignore[no-untyped-call]
            token = getattr(self.credentials, "token", None)
            if token != self._token:
                self._token, self._renewed = token, time.monotonic()

    def _refused(self, response: BaseHTTPResponse) -> PortableError:
        error = from_answer(response.status, response.headers, self._read(response))
        if isinstance(error, Unauthenticated) and self._is_stale():
            expired = CredentialsExpired(f"{error.message}; asking for a new token", retryable=True)
            expired.__cause__ = error.__cause__
            return expired
        return error

    def _is_stale(self) -> bool:
        """Drop a token that the server no longer takes; False where it is as good as new."""
        with self._lock:
            if self._token is None or time.monotonic() - self._renewed < RENEWED_SECONDS:
                return False
            self.credentials.token = None
            return True

    def _read(self, response: BaseHTTPResponse) -> bytes:
        """All of a body, by a deadline: a drip must not hold a call for ever."""
        until = time.monotonic() + self._settings.deadline
        body = bytearray()
        with translated():
            while block := response.read1(BLOCK_BYTES):
                body += block
                if time.monotonic() > until:
                    response.close()
                    raise Unavailable("the answer didn't end in time", ambiguous=True)
            response.release_conn()
        if response.headers.get("content-encoding") == "gzip":
            return _unpacked(bytes(body))
        return bytes(body)

    @cached_property
    def _token_request(self) -> Request:
        return Request(urllib3.PoolManager(ca_certs=certifi.where()))  # type: ignore[no-untyped-call]

    @cached_property
    def _pool(self) -> HTTPConnectionPool:
        parts = urlsplit(self.server)
        how: dict[str, Any] = {"maxsize": CONNECTIONS, "retries": False}
        if parts.scheme == "https":  # one context: reading the authorities takes a while
            authorities = self._settings.ca_bundle or certifi.where()
            how["ssl_context"] = ssl.create_default_context(cafile=authorities)
        proxy = getproxies().get(parts.scheme)
        if proxy and not credentials.is_local(self.server) and not proxy_bypass(parts.netloc):
            return urllib3.ProxyManager(proxy, **how).connection_from_url(self.server)
        return urllib3.PoolManager(**how).connection_from_url(self.server)


def _unpacked(body: bytes) -> bytes:
    import gzip
    import zlib

    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise Unavailable("the answer's gzip is broken", ambiguous=True) from error


def key_path(key: str) -> str:
    """A key in a path of the XML API; what URLs would fold away is escaped."""
    odd = re.search(r"(^|/)(\.{0,2})(/|$)", key)
    return quote(key, safe="" if odd else "/")
