"""Pub/Sub's errors as `portable.errors`: one table, one translator."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import grpc
from google.auth import exceptions as auth
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from portable.errors import (
    AlreadyExists,
    ConfigError,
    CredentialsExpired,
    InvalidArgument,
    LeaseLost,
    PermissionDenied,
    PortableError,
    QueueNotFound,
    Throttled,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from portable_gcp.codes import HINTS
from portable_gcp.errors import from_auth

Code = grpc.StatusCode
# https://cloud.google.com/pubsub/docs/reference/error-codes
BY_STATUS: Mapping[grpc.StatusCode, type[PortableError]] = {
    Code.CANCELLED: Unavailable,
    Code.UNKNOWN: Unavailable,
    Code.INVALID_ARGUMENT: InvalidArgument,
    Code.DEADLINE_EXCEEDED: Unavailable,
    Code.NOT_FOUND: QueueNotFound,
    Code.ALREADY_EXISTS: AlreadyExists,
    Code.PERMISSION_DENIED: PermissionDenied,
    Code.RESOURCE_EXHAUSTED: Throttled,
    Code.FAILED_PRECONDITION: ConfigError,
    Code.ABORTED: Unavailable,
    Code.OUT_OF_RANGE: InvalidArgument,
    Code.UNIMPLEMENTED: Unsupported,
    Code.INTERNAL: Unavailable,
    Code.UNAVAILABLE: Unavailable,
    Code.DATA_LOSS: Unavailable,
    Code.UNAUTHENTICATED: Unauthenticated,
}
# No connection was made, so nothing was sent.
_NOT_SENT = re.compile(r"failed to connect|DNS resolution failed|connections to all backends")
_UNTRUSTED = re.compile(r"CERTIFICATE_VERIFY_FAILED|Hostname Verification|WRONG_VERSION_NUMBER")
# grpc's words where google-auth, which it asks for a token, raises.
_NO_TOKEN = "Getting metadata from plugin failed"  # noqa: S105
# https://cloud.google.com/pubsub/docs/exactly-once-delivery, of single acknowledgement ids.
_PERMANENT, _TRANSIENT = "PERMANENT_FAILURE_", "TRANSIENT_FAILURE_"
WORDS_MAX = 500


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever grpc and google-auth raise inside the block into a `PortableError`."""
    try:
        yield
    except grpc.RpcError as error:
        raise from_call(error) from error
    except auth.GoogleAuthError as error:
        raise from_auth(error) from error


def from_call(error: Any) -> PortableError:
    """The error that an answer of gRPC means, or the lack of one."""
    code, words = error.code(), (error.details() or "no reason given")[:WORDS_MAX]
    if _NO_TOKEN in words:
        return _without_token(words)
    if code is Code.UNAVAILABLE and _UNTRUSTED.search(words):
        return Unavailable(
            f"no trusted TLS connection: {words}. For a private certificate authority set "
            f"'ca_bundle'",
            retryable=False,
        )
    if code is Code.UNAVAILABLE and _NOT_SENT.search(words):
        return Unavailable(f"{words}; nothing was sent")
    kind = BY_STATUS.get(code, Unavailable)
    hint = HINTS.get(kind)
    return kind(
        f"{words} ({code.name}){f'; {hint}' if hint else ''}",
        ambiguous=kind is Unavailable,
        retry_after=_retry_after(error),
    )


def refused_receipts(error: PortableError) -> Mapping[str, PortableError]:
    """The receipts that an exactly-once subscription refused, each with its error.

    Nothing where the whole request failed; else the request's other receipts were taken.
    """
    found: dict[str, PortableError] = {}
    for info in _details(error.__cause__, error_details_pb2.ErrorInfo):
        for receipt, why in info.metadata.items():
            if why.startswith(_PERMANENT):
                found[receipt] = LeaseLost(f"the lease ended before this ({why})")
            elif why.startswith(_TRANSIENT):
                found[receipt] = Unavailable(f"not settled for now ({why})", ambiguous=True)
    return found


def _without_token(words: str) -> PortableError:
    if re.search(r"TransportError|Connection|[Tt]imed? ?out|retryable=True", words):
        return Unavailable(f"the server that gives tokens can't be reached: {words}")
    expired = re.search(r"expired|revoked|reauth", words, re.IGNORECASE)
    kind = CredentialsExpired if expired else Unauthenticated
    return kind(f"{words}; {HINTS[kind]}")


def _retry_after(error: Any) -> float | None:
    for info in _details(error, error_details_pb2.RetryInfo):
        return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
    return None


def _details(error: Any, kind: Any) -> Iterator[Any]:
    """The details of one kind that came with an answer."""
    if not isinstance(error, grpc.Call):
        return
    try:
        status = rpc_status.from_call(error)
    except ValueError:  # the details are of another answer than the status
        return
    for detail in status.details if status is not None else ():
        found = kind()
        if detail.Is(kind.DESCRIPTOR) and detail.Unpack(found):
            yield found
