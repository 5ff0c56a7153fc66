"""Listings without boto3, which takes a second to load and half of each page's time.

A GET signed here, whose answer is either a whole page or the SDK's to ask for again: it knows S3's
words, redirects and all else that may come (ADR 0009).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from portable.errors import Unavailable
from portable.storage.driver import Page
from portable_aws.listing import parsed

if TYPE_CHECKING:
    from obstore.store import S3Credential
    from urllib3 import BaseHTTPResponse, HTTPConnectionPool

    from portable_aws.settings import S3Settings

CONNECTIONS = 16
BLOCK_BYTES = 64 * 1024
NO_BODY = hashlib.sha256(b"").hexdigest()


class Login(NamedTuple):
    """Where to, and as whom."""

    endpoint: str
    region: str
    credentials: Callable[[], S3Credential]


class Declined(Exception):
    """The answer is no page: what it was."""

    def __init__(self, status: int = 0, body: bytes = b"") -> None:
        text = body.decode("utf-8", "replace")
        super().__init__(f"{status} {text[:500]}")
        self.status = status
        self.code, self.message = _word("Code", text), _word("Message", text)


class Lister:
    """ListObjectsV2 of one bucket. Safe in threads."""

    def __init__(self, settings: S3Settings, login: Login) -> None:
        """Hold them; nothing is sent."""
        parts = urlsplit(login.endpoint)
        is_virtual = settings.style == "virtual"
        self._login = login
        self._host = f"{settings.bucket}.{parts.netloc}" if is_virtual else parts.netloc
        self._path = "/" if is_virtual else f"/{settings.bucket}"
        self._seconds = settings.deadline
        self._pool = _pool(f"{parts.scheme}://{self._host}", settings)

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

    def close(self) -> None:
        """Drop connections."""
        self._pool.close()

    def _page(self, line: str) -> Page:
        from urllib3.exceptions import SSLError

        from portable_http.failures import RAISED, failure

        try:
            answer = self._pool.urlopen(
                "GET",
                f"{self._path}?{line}",
                headers=self._headers(line),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            try:
                body = self._whole(answer)
            finally:
                answer.release_conn()
        except SSLError as error:
            raise Declined from error
        except RAISED as error:
            raise failure(error) from error
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

    def _headers(self, query: str) -> dict[str, str]:
        """Signed: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""
        known = self._login.credentials()
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        signed = {"host": self._host, "x-amz-content-sha256": NO_BODY, "x-amz-date": now}
        if token := known.get("token"):
            signed["x-amz-security-token"] = token
        names = ";".join(signed)
        lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
        request = f"GET\n{self._path}\n{query}\n{lines}\n{names}\n{NO_BODY}"
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


def _quoted(value: str) -> str:
    return quote(value, safe="-_.~", errors="surrogatepass")


def _pool(origin: str, settings: S3Settings) -> HTTPConnectionPool:
    from urllib3 import Timeout, connection_from_url

    timeout = Timeout(connect=settings.connect_timeout, read=settings.read_timeout)
    more: dict[str, Any] = {}
    if origin.startswith("https:"):
        from certifi import where

        more = {"cert_reqs": "CERT_REQUIRED", "ca_certs": where()}
    return connection_from_url(origin, timeout=timeout, maxsize=CONNECTIONS, **more)
