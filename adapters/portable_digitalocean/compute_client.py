"""DigitalOcean's API, as much of it as Droplets need: plain REST, each request sent once.

The official client takes a second and 300 MB to import, and returns an error's body as if it were
the answer (ADR 0022).
"""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from urllib3 import HTTPConnectionPool, PoolManager, ProxyManager, Timeout

from portable.errors import Unauthenticated, Unavailable
from portable_digitalocean.compute_errors import from_answer
from portable_digitalocean.compute_settings import DropletSettings
from portable_http.failures import translated

# Terraform's and pydo's name, then that of doctl.
# https://docs.digitalocean.com/reference/terraform/reference/
# https://docs.digitalocean.com/reference/doctl/reference/
TOKENS = ("DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN")
CONNECTIONS = 16
PAGE = 200  # https://docs.digitalocean.com/reference/api/intro/#links--pagination


class Answer(dict[str, Any]):
    """A parsed answer, of which DigitalOcean's have all that is looked up here."""

    def __missing__(self, name: str) -> Any:
        raise Unavailable(
            f"the answer lacks {name!r}: it isn't DigitalOcean's, or not all of it", ambiguous=True
        )


class DigitalOceanApi:
    """Sends requests to one server. Safe to use from many threads.

    The token is read from the environment for each request, and kept nowhere.
    """

    def __init__(self, settings: DropletSettings) -> None:
        """Look at the endpoint; nothing is sent."""
        self._manager = _manager(settings.server, settings)
        self._pool: HTTPConnectionPool = self._manager.connection_from_url(settings.server)
        self._base = urlsplit(settings.server).path

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Send one request; an answer without a body is empty.

        Args:
            path: Such as ``/v2/account``.

        Raises:
            PortableError: what the answer means, or what kept it from coming.
        """
        target = f"{self._base}{quote(path)}{f'?{urlencode(query)}' if query else ''}"
        with translated():
            answer = self._pool.urlopen(
                method,
                target,
                body=None if body is None else json.dumps(body).encode(),
                headers={
                    "Authorization": f"Bearer {_token()}",
                    "Content-Type": "application/json",
                    "User-Agent": "portable",
                },
                retries=False,
                redirect=False,
            )
        if answer.status >= 300:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            raise from_answer(answer.status, headers, answer.data)
        return _parsed(answer.data) if answer.status != 204 else Answer()

    def each(
        self, path: str, items: str, query: Mapping[str, str] | None = None
    ) -> Iterator[Answer]:
        """What is in all pages of a listing.

        Args:
            items: The name of the list in its answers.
        """
        page, more = 1, True
        while more:
            asked = {**(query or {}), "page": str(page), "per_page": str(PAGE)}
            answer = self.ask("GET", path, query=asked)
            yield from answer[items]
            more = bool(answer.get("links", {}).get("pages", {}).get("next"))
            page += 1

    def close(self) -> None:
        """Drop connections."""
        self._manager.clear()
        self._pool.close()


def _token() -> str:
    for name in TOKENS:
        if token := os.environ.get(name, "").strip():
            if not re.fullmatch(r"[!-~]+", token):
                raise Unauthenticated(
                    f"{name} isn't a token: it has a blank or a control character"
                )
            return token
    raise Unauthenticated(
        f"there is no token: set {TOKENS[0]}, or {TOKENS[1]}, to a personal access token, from "
        f"https://cloud.digitalocean.com/account/api/tokens"
    )


def _parsed(body: bytes) -> Answer:
    try:
        found = json.loads(body, object_hook=Answer)
    except ValueError as error:
        raise Unavailable("the answer isn't JSON, or not all of it", ambiguous=True) from error
    if not isinstance(found, Answer):
        raise Unavailable("the answer isn't a JSON object", ambiguous=True)
    return found


def _manager(server: str, settings: DropletSettings) -> PoolManager:
    options: dict[str, Any] = {
        "maxsize": CONNECTIONS,
        "timeout": Timeout(connect=settings.connect_timeout, read=settings.read_timeout),
    }
    parts = urlsplit(server)
    if parts.scheme == "https":
        import certifi

        options["ca_certs"] = settings.ca_bundle or certifi.where()
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(parts.hostname or ""):
        return ProxyManager(proxy, **options)
    return PoolManager(**options)
