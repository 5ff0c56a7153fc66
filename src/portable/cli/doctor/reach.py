"""Checks of the way to the provider: its endpoint's rules, its name, TLS and the clock."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from portable.cli.doctor.checks import Checks, Failed, Skipped
from portable.endpoints import check_endpoint, check_resolved
from portable.errors import Unauthenticated

if TYPE_CHECKING:
    from email.message import Message

    from portable.storage import Bucket

SECTION = "endpoint"
SCRATCH = ".portable-doctor"
TIMEOUT_SECONDS = 10.0
# Providers refuse signatures that are 5 to 15 minutes off; see the provider's own limit.
LARGEST_SKEW_SECONDS = 240.0


def prove_reach(checks: Checks, bucket: Bucket) -> None:
    """Check the endpoint, wherever the provider has one."""
    way = _Way(bucket)
    checks.run(SECTION, "rules", way.rules, bucket=bucket)
    if not way.url and not checks.failed("rules"):
        return
    checks.run(SECTION, "name", way.name, needs=("rules",), bucket=bucket)
    checks.run(SECTION, "answer", way.answer, needs=("rules", "name"), bucket=bucket)
    checks.run(SECTION, "clock", way.clock, needs=("rules", "name", "answer"), bucket=bucket)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Leaves a redirect as the answer: it would lead to another host."""

    def redirect_request(self, *_: Any) -> None:
        return None


def open_url(bucket: Bucket, url: str, *, method: str = "GET") -> Any:
    """Open *url* without following redirects, trusting what the bucket's settings trust."""
    authorities = getattr(bucket._connection.settings, "ca_bundle", None)
    context = ssl.create_default_context(cafile=authorities)
    opener = urllib.request.build_opener(NoRedirect, urllib.request.HTTPSHandler(context=context))
    request = urllib.request.Request(  # noqa: S310 - `check_endpoint` has passed it
        url, method=method, headers={"User-Agent": "portable-doctor"}
    )
    return opener.open(request, timeout=TIMEOUT_SECONDS)


def untrusted(error: urllib.error.URLError) -> Skipped | None:
    """What to say when Python doesn't trust a certificate that the SDK, with its own list, may."""
    if isinstance(error.reason, ssl.SSLCertVerificationError):
        return Skipped(
            f"Python's own certificates don't do: {error.reason.verify_message}; whether the "
            "SDK's do is checked below"
        )
    return None


class _Way:
    """What is known so far of the way to one bucket.

    Attributes:
        url: Its endpoint; empty while none is known.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.url = ""
        self._headers: Message | None = None

    def rules(self) -> str:
        allow_http = getattr(self._bucket._connection.settings, "allow_http", False)
        self.url = check_endpoint(self._endpoint(), allow_http=allow_http)
        return self.url

    def name(self) -> str:
        host = urlsplit(self.url).hostname or ""
        if self._proxied(host):
            raise Skipped("a proxy resolves it")
        return f"{host}: {', '.join(check_resolved(host))}"

    def answer(self) -> str:
        parts = urlsplit(self.url)
        origin = f"{parts.scheme}://{parts.netloc}/"
        try:
            with open_url(self._bucket, origin, method="HEAD") as answer:
                self._headers, status = answer.headers, answer.status
        except urllib.error.HTTPError as error:  # an answer too: nobody was asked for a signature
            self._headers, status = error.headers, error.code
            error.close()
        except urllib.error.URLError as error:
            if skipped := untrusted(error):
                raise skipped from error
            raise self._unreachable(error.reason) from error
        except OSError as error:
            raise self._unreachable(error) from error
        except ValueError as error:  # a header that is none
            raise Failed(f"{origin} doesn't answer as a web server does: {error}") from error
        way = " through a proxy" if self._proxied(parts.hostname or "") else ""
        kind = "TLS" if parts.scheme == "https" else "not encrypted"
        return f"{status} from {origin}{way}, {kind}"

    def clock(self) -> str:
        date = self._headers.get("Date") if self._headers else None
        if date is None:
            raise Skipped("the answer has no date")
        try:
            theirs = parsedate_to_datetime(date).replace(tzinfo=UTC)
        except ValueError:
            raise Skipped(f"the answer's date {date!r} can't be read") from None
        skew = (datetime.now(UTC) - theirs).total_seconds()
        if abs(skew) > LARGEST_SKEW_SECONDS:
            raise Failed(
                f"this machine's clock is {skew:+.0f} s off, and signatures go by it",
                "set this machine's clock, for good with NTP",
            )
        return f"{skew:+.1f} s from the server's, which tells whole seconds"

    def _endpoint(self) -> str:
        settings = self._bucket._connection.settings
        if configured := getattr(settings, "endpoint", None):
            return str(configured)
        if self._bucket.capabilities.sign_max is None:
            raise Skipped(f"the provider {self._bucket.provider!r} isn't on the network")
        try:
            signed = urlsplit(self._bucket.sign(f"{SCRATCH}/endpoint", expires=60).url)
        except Unauthenticated:
            raise Skipped("known only with credentials, which are checked below") from None
        return f"{signed.scheme}://{signed.netloc}"

    def _proxied(self, host: str) -> bool:
        scheme = urlsplit(self.url).scheme
        return scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host)

    def _unreachable(self, reason: object) -> Failed:
        return Failed(
            f"{self.url} can't be reached: {reason}",
            "start the server, correct the endpoint, or look at the network, firewalls and proxies",
        )
