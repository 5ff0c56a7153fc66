"""Google's errors as `portable.errors`: one table, one translator."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from xml.etree import ElementTree

import urllib3.exceptions as transport
from google.auth import exceptions as auth

from portable.errors import (
    BucketNotFound,
    ClockSkew,
    ConfigError,
    CredentialsExpired,
    EndpointRefused,
    IntegrityError,
    InvalidArgument,
    InvalidKey,
    NotFound,
    PermissionDenied,
    PortableError,
    PreconditionFailed,
    QuotaExceeded,
    Throttled,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from portable.storage.http import RangeOutside
from portable.transport import broken, not_sent, retry_after, tls_failure, words

# The JSON API's reasons, https://cloud.google.com/storage/docs/json_api/v1/status-codes, and the
# XML API's codes, https://cloud.google.com/storage/docs/xml-api/reference-status.
BY_REASON: Mapping[str, type[PortableError]] = {
    "AccessDenied": PermissionDenied,
    "AuthenticationRequired": Unauthenticated,
    "BadDigest": IntegrityError,
    "BucketNotFound": BucketNotFound,
    "EntityTooLarge": InvalidArgument,
    "EntityTooSmall": InvalidArgument,
    "ExpiredToken": CredentialsExpired,
    "InternalError": Unavailable,
    "InvalidBucketName": ConfigError,
    "InvalidDigest": IntegrityError,
    "InvalidObjectName": InvalidKey,
    "InvalidRange": RangeOutside,
    "InvalidSecurity": Unauthenticated,
    "InvalidStorageClass": InvalidArgument,
    "InvalidURI": InvalidKey,
    "KeyTooLong": InvalidKey,
    "MetadataTooLarge": InvalidArgument,
    "NoSuchBucket": BucketNotFound,
    "NoSuchKey": NotFound,
    "NoSuchUpload": NotFound,
    "NotImplemented": Unsupported,
    "PreconditionFailed": PreconditionFailed,
    "RequestTimeTooSkewed": ClockSkew,
    "ServiceUnavailable": Unavailable,
    "SignatureDoesNotMatch": Unauthenticated,
    "SlowDown": Throttled,
    "UserProjectMissing": ConfigError,
    "accountDisabled": PermissionDenied,
    "authError": Unauthenticated,
    "backendError": Unavailable,
    "conditionNotMet": PreconditionFailed,
    "forbidden": PermissionDenied,
    "internalError": Unavailable,
    "notFound": NotFound,
    "quotaExceeded": QuotaExceeded,
    "rateLimitExceeded": Throttled,
    "requestedRangeNotSatisfiable": RangeOutside,
    "retentionPolicyNotMet": PermissionDenied,
    "uploadTooLarge": InvalidArgument,
    "userProjectMissing": ConfigError,
    "userRateLimitExceeded": Throttled,
}
BY_STATUS: Mapping[int, type[PortableError]] = {
    400: InvalidArgument,
    401: Unauthenticated,
    403: PermissionDenied,
    404: NotFound,
    405: Unsupported,
    408: Unavailable,
    409: Unavailable,
    410: NotFound,
    412: PreconditionFailed,
    413: InvalidArgument,
    416: RangeOutside,
    429: Throttled,
    501: Unsupported,
}
# The JSON API says these in words only.
BY_WORDS: tuple[tuple[str, type[PortableError]], ...] = (
    (r"bucket does not exist|bucket .*was not found", BucketNotFound),
    (r"(crc32c|md5).*(match|differ)|(match|differ).*(crc32c|md5)", IntegrityError),
    (r"token.* expired|expired.* token", CredentialsExpired),
    (r"storage ?class", InvalidArgument),
)
WORDED = frozenset({"", "invalid", "notFound", "authError", "required"})

NOT_SENT = (
    transport.NewConnectionError,
    transport.NameResolutionError,
    transport.ConnectTimeoutError,
    transport.ProxyError,
)
BROKEN = (transport.HTTPError, HTTPException, OSError)

HINTS: Mapping[type[PortableError], str] = {
    BucketNotFound: "make it first: portable never makes a bucket on the way",
    ClockSkew: "set this machine's clock",
    CredentialsExpired: "sign in again (gcloud auth application-default login), or use a service "
    "account, whose tokens are renewed",
    PermissionDenied: "allow it to these credentials",
    Unauthenticated: "set up Application Default Credentials, or name a 'credentials_file'",
}


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever urllib3 and google-auth raise inside the block into a `PortableError`."""
    try:
        yield
    except auth.GoogleAuthError as error:
        raise from_auth(error) from error
    except transport.SSLError as error:
        raise tls_failure(error) from error
    except NOT_SENT as error:
        raise not_sent(error) from error
    except BROKEN as error:
        raise broken(error) from error
    except ValueError as error:  # http.client's word for a value that no header can have
        raise InvalidArgument("a storage class or other value can't be sent") from error


def from_auth(error: auth.GoogleAuthError) -> PortableError:
    """The error of credentials that can't be found or renewed; no request was sent."""
    text = words(error)
    if isinstance(error, auth.TransportError) or error.retryable:
        return Unavailable(f"the server that gives tokens can't be reached: {text}")
    kind: type[PortableError] = Unauthenticated
    if re.search(r"short-lived token|iat and exp", text):
        kind = ClockSkew
    elif re.search(r"expired|revoked|reauth", text, re.IGNORECASE):
        kind = CredentialsExpired
    return kind(f"{text}; {HINTS[kind]}")


def from_answer(status: int, headers: Mapping[str, str], body: bytes) -> PortableError:
    """The error that an answer means, with Google's own exception as its cause."""
    from google.api_core.exceptions import from_http_status  # 100 ms to import

    if 300 <= status < 400:
        return EndpointRefused(f"the server answers {status}, a redirect; it isn't followed")
    reason, words = _reason(body)
    kind = _kind(status, reason, words)
    message = f"{words or 'no reason given'} ({reason or status})"
    if kind in HINTS:
        message += f"; {HINTS[kind]}"
    if reason.lower() == "userprojectmissing":
        message += "; the requester pays for this bucket: set 'billing_project'"
    found = kind(
        message,
        retryable=True if kind is IntegrityError else None,
        ambiguous=status >= 500,
        retry_after=retry_after(headers),
    )
    found.__cause__ = from_http_status(status, words or f"HTTP {status}")  # type: ignore[no-untyped-call]
    return found


def _kind(status: int, reason: str, words: str) -> type[PortableError]:
    if reason in WORDED:
        for pattern, kind in BY_WORDS:
            if re.search(pattern, words, re.IGNORECASE):
                return kind
    unknown = Unavailable if status >= 500 else PortableError
    return BY_REASON.get(reason) or BY_STATUS.get(status) or unknown


def _reason(body: bytes) -> tuple[str, str]:
    """The reason or code of an answer that is an error, and its words."""
    text = body.decode("utf-8", "replace").strip()
    if text.startswith("<"):
        try:
            root = ElementTree.fromstring(text)  # noqa: S314 - expat expands no external entity
        except ElementTree.ParseError:
            return "", ""
        found = {tag.tag.rpartition("}")[2]: (tag.text or "") for tag in root}
        return found.get("Code", ""), (found.get("Message") or found.get("Details", ""))[:500]
    try:
        about = json.loads(text)["error"]
        errors = about.get("errors") or [{}]
        return str(errors[0].get("reason", "")), str(about.get("message", ""))[:500]
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        return "", text[:200]
