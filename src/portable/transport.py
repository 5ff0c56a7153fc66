"""What HTTP and TLS tell of a failure, for adapters: the same words for all of them."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from portable.errors import Unavailable

LONGEST_WORDS = 500
# OpenSSL's words for a server that speaks no TLS, or none that this side takes.
TLS_REFUSALS = frozenset(
    {
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "UNSUPPORTED_PROTOCOL",
        "WRONG_VERSION_NUMBER",
    }
)


def words(error: Exception) -> str:
    """The error's kind and text, without the query of a URL: it may hold a signature."""
    return re.sub(r"\?\S+", "?…", f"{type(error).__name__}: {error}")[:LONGEST_WORDS]


def not_sent(error: Exception) -> Unavailable:
    """No connection was made."""
    return Unavailable(f"{words(error)}; nothing was sent")


def broken(error: Exception) -> Unavailable:
    """The connection ended, before the whole answer was there."""
    return Unavailable(f"the connection broke: {words(error)}", ambiguous=True)


def tls_failure(error: Exception, cause: object = None) -> Unavailable:
    """A failure of TLS: a refusal, which stays one, or an accident like any other.

    Args:
        cause: Where the SDK's *error* keeps what it comes from; its first argument unless given.
    """
    if not _is_refusal(error if cause is None else cause):
        return broken(error)
    return Unavailable(
        f"no trusted TLS connection: {words(error)}. For a private certificate authority set "
        f"'ca_bundle'",
        retryable=False,
    )


def _is_refusal(cause: object) -> bool:
    """Did one side refuse the other before anything was sent?"""
    while isinstance(cause, Exception) and not isinstance(cause, ssl.SSLError):
        cause = cause.args[0] if cause.args else None
    return isinstance(cause, ssl.SSLCertVerificationError) or (
        isinstance(cause, ssl.SSLError) and cause.reason in TLS_REFUSALS
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that the server wants to be left alone; *headers*' names are lower-case."""
    value = headers.get("retry-after", "")
    return float(value) if re.fullmatch(r"\d{1,6}", value) else None


def clock_skew(headers: Mapping[str, str]) -> float:
    """How many seconds this clock is ahead of the server's; NaN where it doesn't tell."""
    try:
        theirs = parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError):
        return float("nan")
    return (datetime.now(UTC) - theirs).total_seconds()
