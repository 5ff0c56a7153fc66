"""GETs that are signed here (ADR 0009).

Listings do without boto3, which takes a second to load and half of each page's time; what is left
of a large object without obstore, which copies each byte twice. An answer is either what was asked
for or another engine's to ask for again: it knows S3's words, redirects and all else that may come.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from portable.errors import Unavailable
from portable.storage.driver import Page, StoredObject
from portable.storage.http import quoted, range_header
from portable_aws.listing import parsed

if TYPE_CHECKING:
    from obstore.store import S3Credential
    from urllib3 import BaseHTTPResponse, HTTPConnectionPool

    from portable_aws.read_into import ReadInto
    from portable_aws.settings import S3Settings

CONNECTIONS = 16
BLOCK_BYTES = 64 * 1024
# For the answer of `read_into` to begin: the line was fast a moment ago, and another answer waits.
BEGIN_SECONDS = 1.0
NO_BODY = hashlib.sha256(b"").hexdigest()


class Login(NamedTuple):
    """Where to, and as whom."""

    endpoint: str
    region: str
    credentials: Callable[[], S3Credential]


class Declined(Exception):
    """The answer isn't what was asked for: what it was."""

    def __init__(self, status: int = 0, body: bytes = b"") -> None:
        text = body.decode("utf-8", "replace")
        super().__init__(f"{status} {text[:500]}")
        self.status = status
        self.code, self.message = _word("Code", text), _word("Message", text)


class SignedGets:
    """ListObjectsV2 and GetObject of one bucket. Safe in threads."""

    def __init__(self, settings: S3Settings, login: Login) -> None:
        """Hold them; nothing is sent."""
        parts = urlsplit(login.endpoint)
        is_virtual = settings.style == "virtual"
        self._login = login
        self._host = f"{settings.bucket}.{parts.netloc}" if is_virtual else parts.netloc
        self._path = "/" if is_virtual else f"/{settings.bucket}"
        self._seconds = settings.deadline
        self._connect_timeout, self._read_timeout = settings.connect_timeout, settings.read_timeout
        self._pool = _pool(f"{parts.scheme}://{self._host}")

    def page(
        self, prefix: str, *, delimiter: bool, start_after: str, token: str | None, limit: int
    ) -> Page:
        """As `StorageDriver.list`.

        Raises:
            Unavailable: the connection broke, or the answer isn't a whole page.
            Declined: any other answer than a page.
        """
        query = {"list-type": "2", "encoding-type": "url", "max-keys": f"{limit}", "prefix": prefix}
        if delimiter:
            query["delimiter"] = "/"
        if token is not None:
            query["continuation-token"] = token
        elif start_after:
            query["start-after"] = start_after
        return self._page("&".join(f"{name}={_quoted(query[name])}" for name in sorted(query)))

    def read_into(self, room: memoryview, info: StoredObject, *, start: int, end: int) -> ReadInto:
        """As `portable.storage.driver.ReadsInto.read_into`.

        Raises:
            Unavailable: the connection broke.
            Declined: any other answer than these bytes of this revision, counted.
        """
        from portable_aws.read_into import ReadInto  # and urllib3
        from portable_http.failures import translated

        path = f"{self._path.rstrip('/')}/{_quoted(info.key, '/')}"
        wanted = {"if-match": info.revision, "range": range_header(start, end)}
        with translated():
            answer = self._ask(path, "", wanted, longest=BEGIN_SECONDS)
        told = answer.headers
        socket = getattr(answer.connection, "sock", None)
        if (
            quoted(told.get("etag", "")) != info.revision
            or told.get("content-range") != f"bytes {start}-{end - 1}/{info.size}"  # 206 has it
            or answer.length_remaining != end - start  # `None` where the body comes in chunks
            or socket is None  # it closes the connection after the body
        ):
            answer.close()
            raise Declined(answer.status)
        socket.settimeout(self._read_timeout)
        return ReadInto(room, info, answer, socket)

    def close(self) -> None:
        """Drop connections."""
        self._pool.close()

    def _page(self, line: str) -> Page:
        from portable_http.failures import translated  # and urllib3

        with translated():
            answer = self._ask(self._path, line, {})
            try:
                body = self._whole(answer)
            finally:
                answer.release_conn()
        if answer.status != HTTPStatus.OK:
            raise Declined(answer.status, body)
        return parsed(body)

    def _whole(self, answer: BaseHTTPResponse) -> bytes:
        until = time.monotonic() + self._seconds
        body = bytearray()
        while block := answer.read1(BLOCK_BYTES):
            body += block
            if time.monotonic() > until:
                answer.close()
                raise Unavailable("the answer takes too long", ambiguous=True)
        if answer.length_remaining:
            raise Unavailable("the answer ended early", ambiguous=True)
        return bytes(body)

    def _ask(
        self, path: str, query: str, headers: Mapping[str, str], *, longest: float = inf
    ) -> BaseHTTPResponse:
        from urllib3 import Timeout

        return self._pool.urlopen(
            "GET",
            f"{path}?{query}" if query else path,
            headers=self._headers(path, query, headers),
            timeout=Timeout(
                connect=min(self._connect_timeout, longest), read=min(self._read_timeout, longest)
            ),
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )

    def _headers(self, path: str, query: str, more: Mapping[str, str]) -> dict[str, str]:
        """Signed: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""
        known = self._login.credentials()
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        signed = {"host": self._host, **more, "x-amz-content-sha256": NO_BODY, "x-amz-date": now}
        if token := known.get("token"):
            signed["x-amz-security-token"] = token
        names = ";".join(signed)
        lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
        request = f"GET\n{path}\n{query}\n{lines}\n{names}\n{NO_BODY}"
        scope = f"{now[:8]}/{self._login.region}/s3/aws4_request"
        digest = hashlib.sha256(request.encode()).hexdigest()
        key = f"AWS4{known['secret_access_key']}".encode()
        for word in scope.split("/"):
            key = hmac.digest(key, word.encode(), "sha256")
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}"
        signature = hmac.new(key, text.encode(), "sha256").hexdigest()
        credential = f"{known['access_key_id']}/{scope}"
        return {
            **signed,
            "user-agent": "portable",
            "authorization": f"AWS4-HMAC-SHA256 Credential={credential}, "
            f"SignedHeaders={names}, Signature={signature}",
        }


def _word(name: str, text: str) -> str:
    match = re.search(f"<{name}>([^<]{{0,500}})</{name}>", text)
    return match[1] if match else ""


def _quoted(value: str, kept: str = "") -> str:
    return quote(value, safe=f"-_.~{kept}", errors="surrogatepass")


def _pool(origin: str) -> HTTPConnectionPool:
    from urllib3 import connection_from_url

    more: dict[str, Any] = {}
    if origin.startswith("https:"):
        from certifi import where

        more = {"cert_reqs": "CERT_REQUIRED", "ca_certs": where()}
    return connection_from_url(origin, maxsize=CONNECTIONS, **more)
