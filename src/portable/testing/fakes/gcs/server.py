"""The server: which API answers what, and what tests can ask of it."""

from __future__ import annotations

import json
from typing import Any

from portable.testing.fakes.gcs import json_api, xml_api
from portable.testing.fakes.gcs.access import Access
from portable.testing.fakes.gcs.state import Bucket, Failure, State
from portable.testing.fakes.serving import HttpFake
from portable.testing.fakes.wire import Answer, Request

REWRITE_BYTES = 1024**3
CONTROL = "/portable-testing/"


class FakeGcs(HttpFake):
    """A server on a port of 127.0.0.1. A context manager; what it holds is gone at its end.

    Attributes:
        endpoint: ``http://127.0.0.1:PORT``.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        needs_credentials: bool = False,
        rewrite_bytes: int = REWRITE_BYTES,
    ) -> None:
        """Listen; requests are answered from `start` on.

        Args:
            port: Any free one unless given.
            needs_credentials: Refuse requests that have none. Wrong ones are refused anyway.
            rewrite_bytes: What one request of a rewrite copies.
        """
        super().__init__(port)
        self._state = State()
        self._access = Access(needed=needs_credentials)
        self._json = json_api.JsonApi(self._state, self.endpoint, rewrite_bytes)
        self._xml = xml_api.XmlApi(self._state)

    def make_bucket(self, name: str) -> None:
        """Make it; one that is there is emptied."""
        with self._state.lock:
            self._state.buckets[name] = Bucket()

    def drop_bucket(self, name: str) -> None:
        """Forget it with all that is in it."""
        with self._state.lock:
            self._state.buckets.pop(name, None)

    def account(self, name: str = "testing", *, allowed: bool = True) -> dict[str, Any]:
        """A service account, as its key file has it; it may do anything, or nothing at all."""
        return self._access.account(name, f"{self.endpoint}/token", allowed=allowed)

    def forget_tokens(self) -> None:
        """Refuse the tokens given so far, as if they had expired."""
        self._access.forget_tokens()

    def damage(self, bucket: str, name: str) -> None:
        """Change the last byte of an object and nothing that is known of it."""
        with self._state.lock:
            stored = self._state.bucket(bucket).objects[name]
            _ = stored.crc32c, stored.md5  # kept as they were
            stored.data = stored.data[:-1] + bytes([stored.data[-1] ^ 1])

    def _answer(self, request: Request) -> Answer:
        if request.path.startswith(CONTROL):
            return self._control(request)
        is_json = request.path.startswith(
            ("/storage/v1", "/upload/", "/resumable/upload/", "/download/", "/batch/", "/token")
        )
        try:
            if request.path == "/token":
                return json_api.answer(200, self._access.give_token(request))
            self._access.check(request)
        except Failure as failure:
            if request.path == "/token":
                about = {"error": failure.reason, "error_description": failure.words}
                return json_api.answer(failure.status, about)
            return json_api.refused(failure) if is_json else xml_api.refused(failure)
        except (KeyError, ValueError):
            return xml_api.refused(Failure(400, "invalid", "InvalidArgument", "no such request"))
        return self._json.handle(request) if is_json else self._xml.handle(request)

    def _control(self, request: Request) -> Answer:
        """What a test in another process asks of `account`, `damage` and `forget_tokens`."""
        query = request.query
        asked = request.path.removeprefix(CONTROL)
        if asked == "account":
            found = self.account(query["name"], allowed=query["allowed"] == "1")
            return Answer(200, {}, json.dumps(found).encode())
        if asked == "damage":
            self.damage(query["bucket"], query["name"])
        elif asked == "forget":
            self.forget_tokens()
        else:
            return Answer(404)
        return Answer(204)
