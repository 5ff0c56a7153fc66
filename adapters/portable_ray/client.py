"""Ray's Jobs API, as much of it as jobs need: plain REST, each request sent once.

Ray's own client has no timeout, tells failures by their text alone, and sends everything to
RAY_ADDRESS where that is set, whatever address it was given (ADR 0023).
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from urllib3 import PoolManager, Timeout

from portable.errors import MissingDependency, Unauthenticated, Unavailable
from portable_http.failures import translated
from portable_ray.errors import from_answer
from portable_ray.settings import RaySettings

JOBS = "/api/jobs/"
CONNECTIONS = 16


class JobsApi:
    """Sends requests to one dashboard. Safe to use from many threads."""

    def __init__(self, settings: RaySettings) -> None:
        """Look at the address; nothing is sent."""
        self._server = settings.server
        self._lock = threading.Lock()
        options: dict[str, Any] = {"maxsize": CONNECTIONS, "timeout": Timeout(settings.timeout)}
        if self._server is None or urlsplit(self._server).scheme == "https":
            import certifi

            options["ca_certs"] = settings.ca_bundle or certifi.where()
        self._pool = PoolManager(**options)

    @property
    def server(self) -> str:
        """Where requests go; looked for once, where Ray has to find it.

        Raises:
            Unavailable: there is no cluster on this machine.
        """
        with self._lock:
            if self._server is None:
                self._server = _found()
            return self._server

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send one request; what its answer holds.

        Raises:
            PortableError: what the answer means, or what kept it from coming.
        """
        server = self.server
        headers = {"Content-Type": "application/json", "User-Agent": "portable", **_credentials()}
        with translated():
            answer = self._pool.request(
                method,
                server + path,
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                retries=False,
                redirect=False,
            )
        if answer.status >= 300:
            told = {name.lower(): value for name, value in answer.headers.items()}
            raise from_answer(answer.status, told, answer.data)
        try:
            return json.loads(answer.data)
        except ValueError as error:
            raise Unavailable(
                f"the answer isn't JSON: is {server} a Ray dashboard?", ambiguous=True
            ) from error

    def close(self) -> None:
        """Drop connections."""
        self._pool.clear()


def _found() -> str:
    """The dashboard of the cluster that this machine is part of, as Ray itself finds it."""
    try:
        from ray.job_submission import JobSubmissionClient
    except ImportError as error:
        raise MissingDependency(
            "finding a cluster by itself needs Ray: pip install 'portable-cloud[ray]', or give "
            "the dashboard's address"
        ) from error
    try:
        found: str = JobSubmissionClient("auto").get_address()
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise Unavailable(
            f"no Ray cluster was found from here: {error}. Start one (`ray start --head`), set "
            f"RAY_ADDRESS, or give the dashboard's address, such as ray://127.0.0.1:8265",
            retryable=False,
        ) from error
    return found.rstrip("/")


def _credentials() -> dict[str, str]:
    """The token that Ray's own programs would send; read for each request, and kept nowhere.

    https://docs.ray.io/en/latest/ray-security/token-auth.html
    """
    mode = os.environ.get("RAY_AUTH_MODE")
    token = os.environ.get("RAY_AUTH_TOKEN", "").strip()
    path = os.environ.get("RAY_AUTH_TOKEN_PATH") or ("~/.ray/auth_token" if mode == "token" else "")
    if mode == "disabled":
        return {}
    if not token and path:
        try:
            token = Path(path).expanduser().read_text(encoding="ascii", errors="replace").strip()
        except OSError as error:
            raise Unauthenticated(f"the file of Ray's token can't be read: {error}") from error
    if not token:
        return {}
    if not re.fullmatch(r"[!-~]+", token):
        raise Unauthenticated("Ray's token isn't one: it has a blank or another odd character")
    return {"Authorization": f"Bearer {token}"}
