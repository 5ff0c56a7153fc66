"""What the service, azure-core and urllib3 say, as `portable.errors`: one translator."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, cast

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from portable.errors import (
    ClockSkew,
    CredentialsExpired,
    EndpointRefused,
    InvalidArgument,
    PortableError,
    Unauthenticated,
)
from portable.transport import clock_skew, retry_after, words
from portable_azure.codes import HINTS, SPOILED, hint, is_ambiguous, meaning
from portable_azure.markup import ParseError, parse
from portable_http.failures import RAISED, failure

if TYPE_CHECKING:
    from portable_azure.transport import Answer


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever azure-core, azure-identity or urllib3 raises into a `PortableError`."""
    try:
        yield
    except HttpResponseError as error:
        if error.response is None or isinstance(error, ClientAuthenticationError):
            raise _without_credentials(error) from error
        raise from_answer(cast("Answer", error.response)) from error
    except AzureError as error:  # azure-identity's: nothing was sent to the service
        raise _without_credentials(error) from error
    except RAISED as error:
        raise failure(error) from error
    except ValueError as error:
        if "header value" not in str(error):  # http.client's word for one that can't be sent
            raise
        raise InvalidArgument("a revision, storage class or other value can't be sent") from error


def _without_credentials(error: AzureError) -> Unauthenticated:
    """In one sentence; what each of azure-identity's dozen ways says is in the cause."""
    return Unauthenticated(f"{_first_line(words(error)).rstrip('.')}; {HINTS[Unauthenticated]}")


def from_answer(answer: Answer) -> PortableError:
    """The error that an answer means."""
    status, headers = answer.status_code, answer.headers
    if 300 <= status < 400:
        return EndpointRefused(f"the server answers {status}, a redirect; it isn't followed")
    told = _told(answer.body)
    code = headers.get("x-ms-error-code") or told.get("Code", "")
    kind = meaning(code, status)
    detail = told.get("AuthenticationErrorDetail", "")
    kind = (
        _of_authentication(detail or told.get("Message", "")) if kind is Unauthenticated else kind
    )
    message = f"{_first_line(told.get('Message') or answer.reason or '')} ({code or status})"
    if kind is ClockSkew:
        message += f"; this clock is {clock_skew(headers):+.0f} s off: set it"
    elif todo := hint(code, kind):
        message += f"; {todo}"
    return kind(
        message,
        retryable=True if code in SPOILED else None,
        ambiguous=is_ambiguous(status, kind),
        retry_after=retry_after(headers),
    )


def _told(body: bytes) -> Mapping[str, str]:
    """The elements of an error's body; none where it isn't the service's own."""
    if not body.lstrip(b"\xef\xbb\xbf").startswith(b"<?xml"):
        return {}
    try:
        root = parse(body)
    except ParseError:
        return {}
    return {child.tag: child.text or "" for child in root}


def _of_authentication(detail: str) -> type[PortableError]:
    if "date header too old" in detail:
        return ClockSkew
    times = re.search(r"Expiry \[(.+?)\] - Current \[(.+?)\]", detail)
    if "not valid in the specified time frame" in detail and times:
        expiry, now = (parsedate_to_datetime(time) for time in times.groups())
        return CredentialsExpired if expiry <= now else ClockSkew
    if re.search("(token|signature).*expired", detail, re.IGNORECASE):
        return CredentialsExpired
    return Unauthenticated


def _first_line(text: str) -> str:
    """The service's sentence; a request's id and time follow on lines of their own."""
    return text.partition("\n")[0].strip() or "no reason given"
