"""Kubernetes' errors as `portable.errors`: one table, one translator."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from urllib3.exceptions import SSLError

from portable.errors import (
    AlreadyExists,
    EndpointRefused,
    InstanceNotFound,
    InvalidArgument,
    PermissionDenied,
    PortableError,
    QuotaExceeded,
    Throttled,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from portable.transport import retry_after, tls_failure
from portable_http.failures import NOT_SENT, RAISED, failure

# Not by statements: type checkers would read the client's models each time.
ApiException = import_module("kubernetes.client.exceptions").ApiException
ConfigException = import_module("kubernetes.config").ConfigException
YAMLError = import_module("yaml").YAMLError

# https://kubernetes.io/docs/reference/using-api/api-concepts/ and
# https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#StatusReason
BY_REASON: Mapping[str, type[PortableError]] = {
    "AlreadyExists": AlreadyExists,
    "Conflict": Unavailable,  # two changed a quota's use at once; it is sent again
    "Expired": Unavailable,  # a listing's next page was asked for too late
}
BY_STATUS: Mapping[int, type[PortableError]] = {
    400: InvalidArgument,
    401: Unauthenticated,
    403: PermissionDenied,
    404: InvalidArgument,  # a namespace, or a server that is no cluster's
    405: Unsupported,
    408: Unavailable,
    409: AlreadyExists,
    410: Unavailable,
    413: InvalidArgument,
    415: Unsupported,
    422: InvalidArgument,
    429: Throttled,
}
HINTS: Mapping[type[PortableError], str] = {
    PermissionDenied: "docs/kubernetes.md has the Role that is needed",
    QuotaExceeded: "wait until other jobs have ended, or ask for a larger ResourceQuota",
    Unauthenticated: "log in again as for kubectl; `kubectl auth whoami` tells who you are",
}
WORDS_MAX = 500


@contextmanager
def translated(*, credentials: bool = False) -> Iterator[None]:
    """Turn whatever the client and urllib3 raise inside the block into a `PortableError`.

    Args:
        credentials: In the block they are looked for, and nothing else is done.
    """
    try:
        yield
    except ApiException as error:
        if not error.status and isinstance(error.__context__, SSLError):
            raise tls_failure(error.__context__) from error
        raise from_answer(error) from error
    except (ConfigException, YAMLError) as error:
        raise Unauthenticated(f"there are no credentials: {str(error)[:WORDS_MAX]}") from error
    except (SSLError, *NOT_SENT) as error:
        raise failure(error) from error
    except RAISED as error:
        raise (_unusable(error) if credentials else failure(error)) from error
    except ValueError as error:  # it isn't JSON, or lacks what every answer has
        unlike = Unavailable("the answer isn't Kubernetes', or not all of it", ambiguous=True)
        raise (_unusable(error) if credentials else unlike) from error
    except (TypeError, LookupError, AttributeError) as error:
        if not credentials:
            raise
        raise _unusable(error) from error  # the loader takes any file for a kubeconfig


def _unusable(error: Exception) -> Unauthenticated:
    return Unauthenticated(f"the kubeconfig can't be used: {str(error)[:WORDS_MAX]}")


def from_answer(error: Any) -> PortableError:
    """The error that an answer means."""
    status = int(error.status or 0)
    if 300 <= status < 400:
        return EndpointRefused(f"the server answers {status}, a redirect; it isn't followed")
    told = _told(error.body)
    words = str(told.get("message") or error.reason or "no reason given")[:WORDS_MAX]
    reason = str(told.get("reason") or "")
    kind = _meaning(status, reason, words, told)
    hint = HINTS.get(kind)
    headers = {name.lower(): text for name, text in (error.headers or {}).items()}
    return kind(
        f"{words} ({reason or status}){f'; {hint}' if hint else ''}",
        ambiguous=status >= 500 or status == 408,
        retry_after=retry_after(headers),
    )


def _meaning(status: int, reason: str, words: str, told: Mapping[str, Any]) -> type[PortableError]:
    about = told.get("details")
    if status == 404 and isinstance(about, dict) and about.get("kind") == "jobs":
        return InstanceNotFound
    if status == 403 and "exceeded quota" in words:
        return QuotaExceeded
    unknown = Unavailable if status >= 500 or not status else PortableError
    return BY_REASON.get(reason) or BY_STATUS.get(status) or unknown


def _told(body: Any) -> Mapping[str, Any]:
    """The Status in an error's body; nothing where it isn't Kubernetes'."""
    try:
        found = json.loads(body or "")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
