"""The base of fakes of REST APIs, spoken to by the standard library's client."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from portable.testing.fakes.operations import Operations
from portable.testing.fakes.rest import Call, Refused, Reply, RestFake, RestFault


class FakeNotes(RestFake):
    """Notes by name."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: dict[str, Any] = {}
        self.route("PUT", "/v1/notes/{name}", self._put)
        self.route("GET", "/v1/notes/{name}", self._get)
        self.route("DELETE", "/v1/notes/{name}", self._delete)

    def _put(self, call: Call) -> Reply:
        self.notes[call.names["name"]] = call.body
        return Reply({"took": call.query.get("by", "")}, 201, {"X-Notes": str(len(self.notes))})

    def _get(self, call: Call) -> Reply:
        if call.names["name"] not in self.notes:
            raise Refused(404, {"error": "no such note"})
        return Reply(self.notes[call.names["name"]])

    def _delete(self, call: Call) -> Reply:
        self.notes.pop(call.names["name"], None)
        return Reply(status=204)


@pytest.fixture
def server() -> Iterator[FakeNotes]:
    with FakeNotes() as server:
        yield server


def ask(server: RestFake, method: str, path: str, body: object = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(server.endpoint.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None
    finally:
        connection.close()


def test_routes_with_names_bodies_and_queries(server: FakeNotes) -> None:
    assert ask(server, "PUT", "/v1/notes/a%20b?by=me%26you", {"n": 1}) == (201, {"took": "me&you"})
    assert server.notes == {"a b": {"n": 1}}
    assert ask(server, "GET", "/v1/notes/a%20b") == (200, {"n": 1})
    assert ask(server, "DELETE", "/v1/notes/a%20b") == (204, None)
    assert [(each.method, each.path) for each in server.requests] == [
        ("PUT", "/v1/notes/a%20b"),
        ("GET", "/v1/notes/a%20b"),
        ("DELETE", "/v1/notes/a%20b"),
    ]


def test_refusals_and_requests_that_nobody_answers(server: FakeNotes) -> None:
    assert ask(server, "GET", "/v1/notes/a") == (404, {"error": "no such note"})
    assert ask(server, "GET", "/v1/notes")[0] == 404
    assert ask(server, "POST", "/v1/notes/a")[0] == 404


def test_faults_affect_as_many_as_they_say(server: FakeNotes) -> None:
    busy = Reply({"error": "busy"}, 429, {"Retry-After": "1"})
    server.add(RestFault(method="GET", path="/notes/a$", after=1, times=2, reply=busy))
    ask(server, "PUT", "/v1/notes/a", 7)
    answers = [ask(server, "GET", "/v1/notes/a")[0] for _ in range(5)]
    assert answers == [200, 429, 429, 200, 200]
    assert ask(server, "GET", "/v1/notes/ab")[0] == 404
    server.add(RestFault(times=None, reply=busy))
    assert ask(server, "GET", "/v1/notes/a")[0] == 429
    server.clear()
    assert ask(server, "GET", "/v1/notes/a") == (200, 7)
    assert len(server.requests) == 1


@pytest.mark.parametrize(("kind", "carried_out"), [("cut", False), ("lost", True)])
def test_connections_that_break(server: FakeNotes, kind: Any, carried_out: bool) -> None:
    server.add(RestFault(kind=kind))
    with pytest.raises((http.client.HTTPException, OSError)):
        ask(server, "PUT", "/v1/notes/a", 7)
    assert ("a" in server.notes) is carried_out


def test_slow_answer(server: FakeNotes) -> None:
    server.add(RestFault(kind="slow", seconds=0.2))
    began = time.monotonic()
    assert ask(server, "PUT", "/v1/notes/a", 7)[0] == 201
    assert time.monotonic() - began >= 0.2


def test_operation_is_done_after_so_many_looks() -> None:
    operations, finished = Operations(looks=2), list[int]()
    begun = operations.begin("launch", lambda: finished.append(1))
    seen = []
    for _ in range(4):
        found = operations.look(begun.id)
        assert found is begun
        seen.append((found.done, list(finished)))
    assert seen == [(False, []), (False, []), (True, [1]), (True, [1])]
    assert operations.look("another") is None


def test_operation_that_fails_finishes_nothing() -> None:
    operations, finished = Operations(error={"code": "QUOTA"}), list[int]()
    failing = operations.begin("launch", lambda: finished.append(1))
    operations.look(failing.id)
    assert (failing.done, failing.error, finished) == (True, {"code": "QUOTA"}, [])
    fine = operations.begin("launch", lambda: finished.append(2))
    operations.look(fine.id)
    assert (fine.error, finished) == (None, [2])
