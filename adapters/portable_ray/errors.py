"""What Ray's Jobs API says went wrong, as `portable.errors`."""

from __future__ import annotations

from collections.abc import Mapping

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
from portable.transport import retry_after

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
