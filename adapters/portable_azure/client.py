"""Requests to one container or queue: built, signed by the SDK's own policies, sent once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from time import time
from typing import Any, cast
from urllib.parse import quote
from wsgiref.handlers import format_date_time

from azure.core.credentials import AzureSasCredential
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline import Pipeline, PipelineRequest
from azure.core.pipeline.policies import (
    AzureSasCredentialPolicy,
    BearerTokenCredentialPolicy,
    HTTPPolicy,
    SansIOHTTPPolicy,
)
from azure.core.pipeline.transport import HttpRequest

from portable.errors import PortableError, Unavailable
from portable_azure.credentials import TOKEN_SCOPE, Access, find_access
from portable_azure.errors import translated
from portable_azure.settings import AccountSettings
from portable_azure.transport import Answer, Transport

# The first with `startFrom`, by which a listing begins in the middle.
API_VERSION = "2026-02-06"
Policy = HTTPPolicy[Any, Any] | SansIOHTTPPolicy[Any, Any]


class Client:
    """One container or queue. Safe in threads.

    Attributes:
        access: The account and what lets us in.
        native: The SDK's own client, with the SDK's own defaults.
    """

    def __init__(
        self,
        settings: AccountSettings,
        name: str,
        native: Callable[..., Any],
        access: Access | None = None,
    ) -> None:
        """Make a client.

        Args:
            name: Of the container or queue.
            native: The SDK's class for it.
            access: What `find_access` has found, if it was asked already.
        """
        with translated():
            self.access = access or find_access(settings)
            self.native = _native(self.access, settings, name, native)
            self._transport = Transport(self.access.endpoint, settings)
            policies = [_Stamp(), _authentication(self.access, self.native.credential)]
            self._pipeline = Pipeline(self._transport, policies=policies)
        self.root_url = f"{self.access.endpoint}/{name}"

    def url(self, key: str) -> str:
        """Where an object or message is. All but what RFC 3986 leaves alone is escaped, ``;`` too."""
        return f"{self.root_url}/{quote(key, safe='/~')}"

    def send(
        self,
        method: str,
        key: str | None,
        expected: int | Collection[int],
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | memoryview | None = None,
        stream: bool = False,
    ) -> Answer:
        """Send one request about *key*, or about the container or queue itself.

        Args:
            expected: The status of success, or several.
            stream: Leave the answer's body to be read.

        Raises:
            PortableError: the service, or what is on the way, says anything else.
        """
        request = HttpRequest(
            method, self._target(key, query), headers=headers, data=cast("Any", body)
        )
        if body is not None:
            request.headers["content-length"] = str(len(body))
        del headers  # a traceback that shows locals would show what lets us into a copy's source
        try:
            with translated():
                answer: Answer = self._pipeline.run(request, stream=stream).http_response
                if answer.status_code >= 300:
                    raise HttpResponseError(response=cast("Any", answer))
        finally:
            del request  # its URL may be signed
        try:
            _check(answer, expected)
        except PortableError:
            answer.raw.close()
            raise
        return answer

    def _target(self, key: str | None, query: Mapping[str, str] | None) -> str:
        url = self.root_url if key is None else self.url(key)
        if not query:
            return url
        pairs = (f"{name}={quote(value, safe='')}" for name, value in query.items())
        return f"{url}?{'&'.join(pairs)}"

    def close(self) -> None:
        """Drop connections."""
        self._transport.close()
        self.native.close()


class _Stamp(SansIOHTTPPolicy[HttpRequest, Answer]):
    """What every request says."""

    def on_request(self, request: PipelineRequest[HttpRequest]) -> None:
        headers = request.http_request.headers
        headers["x-ms-version"] = API_VERSION
        headers["x-ms-date"] = format_date_time(time())
        headers["user-agent"] = "portable-cloud"


def _check(answer: Answer, expected: int | Collection[int]) -> None:
    good = (expected,) if isinstance(expected, int) else expected
    if answer.status_code not in good or "x-ms-request-id" not in answer.headers:
        raise Unavailable(
            f"the answer, {answer.status_code}, isn't Azure's to this request", ambiguous=True
        )


def _native(access: Access, settings: AccountSettings, name: str, make: Callable[..., Any]) -> Any:
    credential: Any = access.identity
    if access.key:
        credential = {"account_name": access.account, "account_key": access.key}
    elif access.sas:
        credential = AzureSasCredential(access.sas)
    return make(
        access.endpoint,
        name,
        credential=credential,
        connection_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        connection_verify=settings.ca_bundle or True,
    )


def _authentication(access: Access, signing: Policy) -> Policy:
    if access.identity is not None:
        return BearerTokenCredentialPolicy(access.identity, TOKEN_SCOPE)
    if access.sas is not None:
        return AzureSasCredentialPolicy(AzureSasCredential(access.sas))
    return signing  # the SDK's own, which signs with the key
