"""What Ray's Jobs API and urllib3 say went wrong, as `portable.errors`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException

import urllib3.exceptions as transport

from portable.errors import (
    AlreadyExists,
    EndpointRefused,
    InstanceNotFound,
    InvalidArgument,
    PermissionDenied,
    PortableError,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from portable.transport import broken, not_sent, retry_after, tls_failure

NOT_SENT = (
    transport.NewConnectionError,
    transport.NameResolutionError,
    transport.ConnectTimeoutError,
    transport.ProxyError,
)
BROKEN = (transport.HTTPError, HTTPException, OSError)
BY_STATUS: Mapping[int, type[PortableError]] = {
    400: InvalidArgument,
    401: Unauthenticated,
    403: PermissionDenied,
    404: InstanceNotFound,
    429: Throttled,
}
HINTS: Mapping[type[PortableError], str] = {
    Unauthenticated: "; set RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH to the file that it is in",
    PermissionDenied: "; the token in RAY_AUTH_TOKEN isn't this cluster's",
}
# Whoever sends it again through the head's agent gets a 500 with the agent's own 400 in it.
EXISTS = "already exists. Please use a different submission_id"
WORDS_MAX = 500


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever urllib3 raises inside the block into a `PortableError`."""
    try:
        yield
    except transport.SSLError as error:
        raise tls_failure(error) from error
    except NOT_SENT as error:
        raise not_sent(error) from error
    except BROKEN as error:
        raise broken(error) from error


def from_answer(status: int, headers: Mapping[str, str], body: bytes) -> PortableError:
    """The error that an answer means; *headers*' names are lower-case."""
    if 300 <= status < 400:
        return EndpointRefused(f"the server answers {status}, a redirect; it isn't followed")
    said = body.decode(errors="replace").strip()
    if EXISTS in said:
        return AlreadyExists("there is a job of this submission id")
    kind = BY_STATUS.get(status) or (Unavailable if status >= 500 else PortableError)
    # A traceback of the dashboard: what it is about is in its last line.
    last = said.rpartition("\n")[2][:WORDS_MAX] or "no reason given"
    return kind(
        f"{last} (status {status}){HINTS.get(kind, '')}",
        ambiguous=status >= 500,
        retry_after=retry_after(headers),
    )
