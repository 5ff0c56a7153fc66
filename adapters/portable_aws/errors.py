"""botocore's errors as `portable.errors`: one table, one translator."""

from __future__ import annotations

import re
import ssl
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any

from botocore import exceptions as sdk
from botocore import parsers
from urllib3.exceptions import HTTPError as TransportError

from portable.errors import (
    BucketNotFound,
    ClockSkew,
    ConfigError,
    CredentialsExpired,
    EndpointRefused,
    PermissionDenied,
    PortableError,
    Unauthenticated,
    Unavailable,
)
from portable_aws.codes import BY_CODE, SPOILED, is_ambiguous, meaning

NOT_SENT = (sdk.EndpointConnectionError, sdk.ConnectTimeoutError, sdk.ProxyConnectionError)
BROKEN = (
    sdk.HTTPClientError,
    sdk.IncompleteReadError,
    parsers.ResponseParserError,
    TransportError,
    HTTPException,
    OSError,
)
# OpenSSL's words for a server that speaks no TLS, or none that this side takes.
TLS_REFUSALS = frozenset(
    {
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "UNSUPPORTED_PROTOCOL",
        "WRONG_VERSION_NUMBER",
    }
)
NO_CREDENTIALS = (
    sdk.NoCredentialsError,
    sdk.PartialCredentialsError,
    sdk.CredentialRetrievalError,
    sdk.TokenRetrievalError,
    sdk.SSOError,
    sdk.UnauthorizedSSOTokenError,
)

HINTS: Mapping[type[PortableError], str] = {
    BucketNotFound: "make it first: portable never makes a bucket on the way",
    CredentialsExpired: "get new ones, or use a role or profile that boto3 can refresh",
    PermissionDenied: (
        "allow it to these credentials; without s3:ListBucket, S3 also answers so for an object "
        "that doesn't exist"
    ),
    Unauthenticated: "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the AWS profile",
}


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever boto3 raises inside the block into a `PortableError`."""
    try:
        yield
    except sdk.ClientError as error:
        raise from_answer(error) from error
    except NO_CREDENTIALS as error:
        raise Unauthenticated(f"{error}; {HINTS[Unauthenticated]}") from error
    except sdk.SSLError as error:
        if not _is_refusal(error):
            raise Unavailable(f"the connection broke: {_words(error)}", ambiguous=True) from error
        raise Unavailable(
            f"no trusted TLS connection: {_words(error)}. For a private certificate authority set "
            f"'ca_bundle'",
            retryable=False,
        ) from error
    except NOT_SENT as error:
        raise Unavailable(f"{_words(error)}; nothing was sent") from error
    except BROKEN as error:
        raise Unavailable(f"the connection broke: {_words(error)}", ambiguous=True) from error
    except RecursionError as error:  # botocore answers a redirect to an unknown host so
        raise EndpointRefused("the server redirects to another host; not followed") from error
    except (sdk.BotoCoreError, ValueError) as error:
        if _is_from_parser(error):
            raise Unavailable(f"an answer isn't S3's: {_words(error)}", ambiguous=True) from error
        raise ConfigError(f"boto3 can't make this request: {_words(error)}") from error


def _is_refusal(error: sdk.SSLError) -> bool:
    """Did one side refuse the other before anything was sent? Any other end is an accident."""
    cause: object = error.kwargs.get("error")
    while isinstance(cause, Exception) and not isinstance(cause, ssl.SSLError):
        cause = cause.args[0] if cause.args else None
    return isinstance(cause, ssl.SSLCertVerificationError) or (
        isinstance(cause, ssl.SSLError) and cause.reason in TLS_REFUSALS
    )


def _is_from_parser(error: Exception) -> bool:
    """Was it an answer's number or date that made no sense?"""
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_globals.get("__name__") == parsers.__name__ for frame, _ in frames)


def from_answer(error: sdk.ClientError) -> PortableError:
    """The error that an answer of the server means."""
    answer: dict[str, Any] = dict(error.response)
    about = answer.get("Error", {})
    code = str(about.get("Code", ""))
    meta = answer.get("ResponseMetadata", {})
    status = int(meta.get("HTTPStatusCode", 0))
    headers = meta.get("HTTPHeaders", {})
    if code not in BY_CODE and 300 <= status < 400:
        return EndpointRefused(f"the server answers {status}, a redirect; it isn't followed")
    kind = meaning(code, status)
    message = f"{about.get('Message') or 'no reason given'} ({code or status})"
    if code == "AuthorizationHeaderMalformed" and (region := about.get("Region")):
        message += f"; set region = {region!r}"
    if kind is ClockSkew:
        message += f"; this clock is {_skew(headers):+.0f} s off: set it"
    elif kind in HINTS:
        message += f"; {HINTS[kind]}"
    return kind(
        message,
        retryable=True if code in SPOILED else None,
        ambiguous=is_ambiguous(code, status, kind),
        retry_after=_retry_after(headers),
    )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("retry-after", "")
    return float(value) if re.fullmatch(r"\d{1,6}", value) else None


def _skew(headers: Mapping[str, str]) -> float:
    try:
        theirs = parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError):
        return float("nan")
    return (datetime.now(UTC) - theirs).total_seconds()


def _words(error: Exception) -> str:
    """The error's kind and text, without the query of a URL: it may hold a signature."""
    return re.sub(r"\?\S+", "?…", f"{type(error).__name__}: {error}")
