"""What Azure Resource Manager, azure-core and azure-identity raise, as `portable.errors`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests.exceptions as transport
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)

from portable.errors import EndpointRefused, PortableError, Unauthenticated, Unavailable
from portable.transport import broken, not_sent, retry_after, tls_failure, words
from portable_azure.compute_codes import BY_CODE, HINTS, hint, meaning
from portable_azure.compute_settings import AzureVmSettings
from portable_http.failures import NOT_SENT

WORDS_MAX = 1000  # a refused size comes with a list of those that there are


@contextmanager
def translated(settings: AzureVmSettings) -> Iterator[None]:
    """Turn whatever Azure's client raises inside the block into a `PortableError`."""
    try:
        yield
    except DecodeError as error:
        raise _strange() from error
    except HttpResponseError as error:
        if error.response is None:
            raise _unauthenticated(error) from error
        raise from_answer(error.response, settings) from error
    except ServiceRequestError as error:
        raise _not_carried(error) from error
    except ServiceResponseError as error:
        raise broken(error) from error
    except AzureError as error:  # azure-identity's: nothing was sent
        raise _unauthenticated(error) from error
    except transport.RequestException as error:  # while the body came
        raise broken(error) from error
    except (KeyError, TypeError, ValueError) as error:
        raise _strange() from error


def from_answer(answer: Any, settings: AzureVmSettings) -> PortableError:
    """The error that an answer means."""
    status = int(answer.status_code)
    if 300 <= status < 400:
        return EndpointRefused(f"the server answers {status}, a redirect; it isn't followed")
    if status < 300:
        return _strange()
    code, text = _told(answer)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return _error(status, code, text, settings, retry_after(headers))


def from_failure(code: str, text: str, settings: AzureVmSettings) -> PortableError:
    """The error of what was taken on and has failed, with what a request would have raised."""
    found = _error(409, code, text, settings)
    found.ambiguous = False  # what it was for hasn't happened
    found.__cause__ = HttpResponseError(message=f"({code}) {text}")
    return found


def _error(
    status: int, code: str, text: str, settings: AzureVmSettings, seconds: float | None = None
) -> PortableError:
    kind = meaning(status, code, text)
    todo = hint(code, kind, text, group=settings.resource_group, location=settings.location)
    return kind(
        f"{text[:WORDS_MAX]} ({code or status}){f'; {todo}' if todo else ''}",
        ambiguous=kind is Unavailable and status >= 500,
        retry_after=seconds,
    )


def _told(answer: Any) -> tuple[str, str]:
    """The code and words of an error's body; the innermost ones say the most."""
    try:
        told = json.loads(answer.text())
    except ValueError:
        return "", str(answer.reason or "no reason given")
    about = told.get("error") if isinstance(told, Mapping) else None
    if not isinstance(about, Mapping):
        return "", "no reason given"
    inner = about.get("details")
    if about.get("code") not in BY_CODE and isinstance(inner, list) and inner:
        about = inner[0]
    return str(about.get("code") or ""), str(about.get("message") or "no reason given")


def _not_carried(error: ServiceRequestError) -> Unavailable:
    """azure-core takes every connection that ended early for one that was never made."""
    cause = error.inner_exception
    if isinstance(cause, transport.SSLError):
        return tls_failure(error, cause)
    inner = cause.args[0] if isinstance(cause, Exception) and cause.args else cause
    unsent = (*NOT_SENT, transport.ConnectTimeout, transport.ProxyError)
    if isinstance(cause, unsent) or isinstance(getattr(inner, "reason", inner), NOT_SENT):
        return not_sent(error)
    return broken(error)


def _unauthenticated(error: AzureError) -> PortableError:
    if not isinstance(error, ClientAuthenticationError) and isinstance(error, HttpResponseError):
        return broken(error)
    said = words(error).partition("\n")[0].rstrip(".")  # what each of a dozen ways says follows
    return Unauthenticated(f"{said}; {HINTS[Unauthenticated]}")


def _strange() -> Unavailable:
    return Unavailable("the answer isn't Azure's, or not all of it", ambiguous=True)
