"""A base for fakes of REST APIs: JSON over HTTP, routes, faults, and a record of what came.

class FakeNimbus(RestFake):
    def __init__(self) -> None:
        super().__init__()
        self.route("GET", "/v1/machines/{id}", self._get)

    def _get(self, call: Call) -> Reply:
        if call.names["id"] not in self.machines:
            raise Refused(404, {"error": "no such machine"})
        return Reply({"machine": self.machines[call.names["id"]]})

with FakeNimbus() as server:
    server.add(RestFault(method="POST", reply=Reply({"error": "over quota"}, 403)))
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote

from portable.testing.fakes.serving import HttpFake
from portable.testing.fakes.wire import Answer, Request


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: JSON, or nothing at all where *body* is `None`."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """Ends a handler with an error as the API words it."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.reply = Reply(body, status)


@dataclass(frozen=True, slots=True)
class Call:
    """A request that found its route.

    Attributes:
        names: What the route's ``{names}`` stand for, unescaped.
        body: From JSON; `None` where there was none.
    """

    request: Request
    names: Mapping[str, str]
    body: Any

    @property
    def query(self) -> Mapping[str, str]:
        """The query, unescaped."""
        return self.request.query


@dataclass(frozen=True, slots=True, kw_only=True)
class RestFault:
    """What goes wrong with requests of a method to a path: the first rule that fits.

    Attributes:
        method: Any unless given.
        path: A regular expression, found anywhere in the path; any path unless given.
        after: How many pass unharmed first.
        times: How many are affected then; `None` for all.
        kind: ``"reply"`` instead of the server's own, which sees nothing; ``"cut"`` the connection
            before the server sees anything; ``"lost"``: it is carried out, and the connection is
            cut instead of the answer; ``"slow"``: it is carried out after *seconds*.
    """

    method: str = ""
    path: str = ""
    after: int = 0
    times: int | None = 1
    kind: Literal["reply", "cut", "lost", "slow"] = "reply"
    reply: Reply | None = None
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if (self.kind == "reply") != (self.reply is not None):
            raise ValueError("a fault has a 'reply' where it is of that kind, and only there")


class Cut(OSError):
    """Raised inside the server: the connection ends without an answer."""


Handler = Callable[[Call], Reply]


class RestFake(HttpFake):
    """A server on a port of 127.0.0.1, a thread a connection. A context manager.

    Attributes:
        endpoint: ``http://127.0.0.1:PORT``.
        requests: Each one so far, in the order in which they came.
    """

    def __init__(self, port: int = 0) -> None:
        """Listen; requests are answered from `start` on.

        Args:
            port: Any free one unless given.
        """
        super().__init__(port)
        self.requests: list[Request] = []
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []
        self._faults: list[list[Any]] = []  # each with how many requests it has met
        self._guard = threading.Lock()

    def route(self, method: str, pattern: str, handler: Handler) -> None:
        """Let *handler* answer; ``{name}`` in *pattern* stands for one segment of the path.

        Routes are looked at in the order in which they were added.
        """
        parts = re.split(r"\{(\w+)\}", pattern)
        names = [f"(?P<{each}>[^/]+)" if n % 2 else re.escape(each) for n, each in enumerate(parts)]
        self._routes.append((method, re.compile("".join(names)), handler))

    def add(self, fault: RestFault) -> None:
        """Let something go wrong from now on."""
        with self._guard:
            self._faults.append([fault, 0])

    def clear(self) -> None:
        """Forget faults, and the requests so far."""
        with self._guard:
            self._faults.clear()
            self.requests.clear()

    def missing(self, call: Request) -> Reply:
        """The answer where no route fits; a fake may word it as its API does."""
        return Reply({"error": f"no route for {call.method} {call.path}"}, 404)

    def _answer(self, request: Request) -> Answer:
        with self._guard:
            self.requests.append(request)
            fault = self._due(request)
        if fault is not None and fault.kind == "cut":
            raise Cut
        if fault is not None and fault.reply is not None:
            return _encoded(fault.reply)
        if fault is not None:
            time.sleep(fault.seconds)
        try:
            reply = self._carried_out(request)
        except Refused as refusal:
            reply = refusal.reply
        if fault is not None and fault.kind == "lost":
            raise Cut
        return _encoded(reply)

    def _due(self, request: Request) -> RestFault | None:
        for entry in self._faults:
            fault: RestFault = entry[0]
            if fault.method in ("", request.method) and re.search(fault.path, request.path):
                entry[1] += 1
                turn = entry[1] - fault.after
                if turn > 0 and (fault.times is None or turn <= fault.times):
                    return fault
        return None

    def _carried_out(self, request: Request) -> Reply:
        for method, pattern, handler in self._routes:
            if method == request.method and (found := pattern.fullmatch(request.path)):
                names = {name: unquote(value) for name, value in found.groupdict().items()}
                try:
                    body = json.loads(request.body) if request.body else None
                except ValueError:
                    raise Refused(400, {"error": "the body isn't JSON"}) from None
                return handler(Call(request, names, body))
        return self.missing(request)


def _encoded(reply: Reply) -> Answer:
    if reply.body is None:
        return Answer(reply.status, reply.headers)
    headers = {"Content-Type": "application/json; charset=utf-8", **reply.headers}
    return Answer(reply.status, headers, json.dumps(reply.body).encode())
