"""A provider's notice that a machine will be taken away, at an address that only machines reach.

The manifest says where: ``{"url", "headers", "contains", "token"}``. It is given once the address
answers 200 with *contains* in its body. Where the address wants a token, *token* is ``{"url",
"headers", "header"}``: what a PUT there answers goes into that header.
"""

from __future__ import annotations

import http.client
import threading
import urllib.error
import urllib.request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .loop import Loop

INTERVAL_SECONDS = 5.0
TIMEOUT_SECONDS = 3.0
_BROKEN = (urllib.error.URLError, http.client.HTTPException, OSError)


class Notice:
    """Asks every few seconds, in a thread of its own that ends with the process."""

    def __init__(self, said: dict[str, Any], loop: Loop) -> None:
        self._said = said
        self._loop = loop
        self._interval = said.get("interval", INTERVAL_SECONDS)
        # No proxy: the address means this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._over = threading.Event()

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while not self._over.wait(self._interval):
            if self._is_given():
                self._loop.stop("preempted", "the provider takes the machine away")
                return

    def _is_given(self) -> bool:
        try:
            headers = dict(self._said.get("headers", {}))
            token = self._said.get("token")
            if token:
                headers[token["header"]] = self._ask("PUT", token["url"], token.get("headers", {}))
            return self._said.get("contains", "") in self._ask("GET", self._said["url"], headers)
        except _BROKEN:
            return False  # 404 is the usual answer

    def _ask(self, method: str, url: str, headers: dict[str, str]) -> str:
        request = urllib.request.Request(url, method=method, headers=headers)  # noqa: S310
        with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            body: bytes = answer.read()
        return body.decode("utf-8", "replace")
