"""Compute Engine's errors as `portable.errors`: one table, one translator.

An operation that fails does so in the same words as a request, in another spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests.exceptions as transport
from google.api_core.exceptions import GoogleAPICallError, from_http_status
from google.auth import exceptions as auth
from google.protobuf.json_format import ParseError

from portable.errors import (
    AlreadyExists,
    EndpointRefused,
    InstanceNotFound,
    InvalidArgument,
    NoCapacity,
    PermissionDenied,
    PortableError,
    QuotaExceeded,
    Throttled,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from portable.transport import broken, not_sent, retry_after, tls_failure
from portable_gcp.codes import HINTS
from portable_gcp.compute_shapes import NotHere
from portable_gcp.errors import from_auth
from portable_http.failures import NOT_SENT

# Operations' codes, and requests' reasons in the same form:
# https://cloud.google.com/compute/docs/troubleshooting/troubleshooting-vm-creation,
# https://cloud.google.com/compute/docs/resource-error,
# https://cloud.google.com/resource-manager/docs/core_errors.
BY_CODE: Mapping[str, type[PortableError]] = {
    "ACCESS_NOT_CONFIGURED": PermissionDenied,
    "ALREADY_EXISTS": AlreadyExists,
    "AUTH_ERROR": Unauthenticated,
    "BACKEND_ERROR": Unavailable,
    "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED": Throttled,
    "CONDITION_NOT_MET": PermissionDenied,  # by a policy of the organization
    "FORBIDDEN": PermissionDenied,
    "INTERNAL_ERROR": Unavailable,
    "INVALID": InvalidArgument,
    "INVALID_FIELD_VALUE": InvalidArgument,
    "INVALID_USAGE": InvalidArgument,
    "IP_SPACE_EXHAUSTED": QuotaExceeded,
    "IP_SPACE_EXHAUSTED_WITH_DETAILS": QuotaExceeded,
    "PERMISSIONS_ERROR": PermissionDenied,
    "QUOTA_EXCEEDED": QuotaExceeded,
    "RATE_LIMIT_EXCEEDED": Throttled,
    "RESOURCE_ALREADY_EXISTS": AlreadyExists,
    "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE": Unavailable,
    "RESOURCE_NOT_READY": Unavailable,
    "RESOURCE_OPERATION_RATE_EXCEEDED": Throttled,
    "RESOURCE_POOL_EXHAUSTED": NoCapacity,
    "UNSUPPORTED_OPERATION": InvalidArgument,
    "USER_RATE_LIMIT_EXCEEDED": Throttled,
    "ZONE_RESOURCE_POOL_EXHAUSTED": NoCapacity,
    "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS": NoCapacity,
}
BY_STATUS: Mapping[int, type[PortableError]] = {
    400: InvalidArgument,
    401: Unauthenticated,
    403: PermissionDenied,
    405: Unsupported,
    408: Unavailable,
    409: AlreadyExists,
    412: PermissionDenied,
    413: InvalidArgument,
    429: Throttled,
    501: Unsupported,
}
# "Machine type with name 'n1-standard-99' does not exist in zone 'us-east1-b'."
_NOT_HERE = re.compile(
    r"(machine|accelerator) ?types?.*(does not exist|not found)", re.IGNORECASE | re.DOTALL
)
_MACHINE = re.compile(r"/instances/[^/']+'? was not found")
_NOT_FOUND = frozenset({"NOT_FOUND", "RESOURCE_NOT_FOUND"})
_ADDRESS = "constraints/compute.vmExternalIpAccess"
WORDS_MAX = 500


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever Google's client and requests raise inside the block into a `PortableError`."""
    try:
        yield
    except GoogleAPICallError as error:
        raise from_call(error) from error
    except auth.GoogleAuthError as error:
        raise from_auth(error) from error
    except ParseError as error:
        raise Unavailable("the answer isn't Compute Engine's", ambiguous=True) from error
    except transport.TooManyRedirects as error:
        raise EndpointRefused("the server answers with a redirect; it isn't followed") from error
    except transport.SSLError as error:
        raise tls_failure(error) from error
    except transport.RequestException as error:
        raise (not_sent(error) if _was_not_sent(error) else broken(error)) from error


def from_call(error: GoogleAPICallError) -> PortableError:
    """The error that an answer means."""
    first = error.errors[0] if error.errors and isinstance(error.errors[0], dict) else {}
    reason = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(first.get("reason", ""))).upper()
    words = str(first.get("message") or error.message)
    headers = {name.lower(): text for name, text in getattr(error.response, "headers", {}).items()}
    return _error(int(error.code or 500), reason, words, retry_after(headers))


def from_operation(operation: Any) -> PortableError:
    """The error of an operation that failed, with what a request would have raised as its cause."""
    about = list(operation.error.errors)
    # A summary may come before the reason: the first that is known counts.
    first = next((each for each in about if each.code in BY_CODE), about[0])
    status = int(operation.http_error_status_code or 400)
    found = _error(status, first.code, first.message)
    found.ambiguous = False  # what it was for hasn't happened
    found.__cause__ = from_http_status(status, first.message)  # type: ignore[no-untyped-call]
    return found


def _error(status: int, code: str, words: str, seconds: float | None = None) -> PortableError:
    words = words[:WORDS_MAX]
    kind = _meaning(status, code, words)
    hint = HINTS.get(kind)
    if _ADDRESS in words:
        hint = "set 'public_address' to false, and let the subnetwork reach storage"
    return kind(
        f"{words or 'no reason given'} ({code or status}){f'; {hint}' if hint else ''}",
        ambiguous=kind is Unavailable and status >= 500,
        retry_after=seconds,
    )


def _meaning(status: int, code: str, words: str) -> type[PortableError]:
    if _NOT_HERE.search(words):
        return NotHere
    if code in _NOT_FOUND or status == 404:
        # What else isn't there, the request has named: a zone, a project, an image, a network.
        return InstanceNotFound if _MACHINE.search(words) else InvalidArgument
    if code == "CONDITION_NOT_MET" and "constraint" not in words.lower():
        return InvalidArgument
    unknown = Unavailable if status >= 500 else PortableError
    return BY_CODE.get(code) or BY_STATUS.get(status) or unknown


def _was_not_sent(error: transport.RequestException) -> bool:
    if isinstance(error, transport.ConnectTimeout | transport.ProxyError):
        return True
    inner = error.args[0] if error.args else None
    return isinstance(getattr(inner, "reason", inner), NOT_SENT)
