"""Google's errors as `portable.errors`: one translator."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from xml.etree import ElementTree

from google.auth import exceptions as auth

from portable.errors import (
    ClockSkew,
    CredentialsExpired,
    EndpointRefused,
    IntegrityError,
    InvalidArgument,
    PortableError,
    Unauthenticated,
    Unavailable,
)
from portable.transport import retry_after, words
from portable_gcp.codes import HINTS, is_ambiguous, meaning
from portable_http.failures import RAISED, failure


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever urllib3 and google-auth raise inside the block into a `PortableError`."""
    try:
        yield
    except auth.GoogleAuthError as error:
        raise from_auth(error) from error
    except RAISED as error:
        raise failure(error) from error
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
    return kind(f"{text.rstrip('.')}; {HINTS[kind]}")


def from_answer(status: int, headers: Mapping[str, str], body: bytes) -> PortableError:
    """The error that an answer means, with Google's own exception as its cause."""
    from google.api_core.exceptions import from_http_status  # 100 ms to import

    if 300 <= status < 400:
        return EndpointRefused(f"the server answers {status}, a redirect; it isn't followed")
    reason, words = _reason(body)
    kind = meaning(status, reason, words)
    message = f"{words or 'no reason given'} ({reason or status})"
    if kind in HINTS:
        message += f"; {HINTS[kind]}"
    if reason.lower() == "userprojectmissing":
        message += "; the requester pays for this bucket: set 'billing_project'"
    found = kind(
        message,
        retryable=True if kind is IntegrityError else None,
        ambiguous=is_ambiguous(status),
        retry_after=retry_after(headers),
    )
    found.__cause__ = from_http_status(status, words or f"HTTP {status}")  # type: ignore[no-untyped-call]
    return found


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
