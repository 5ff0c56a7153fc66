"""Faults of answers, each against a small server of our own."""

from __future__ import annotations

import http.client
import time
from dataclasses import replace

import pytest

from portable.testing.faults import (
    Answer,
    Fault,
    FaultProxy,
    Kind,
    Request,
    error_answer,
    slow_down,
    too_many_requests,
)
from tests.testing.faults.upstream import BODY, Upstream, ask


class TestAnswers:
    @pytest.mark.parametrize("at", [0, 1, 70_000, len(BODY) - 1])
    @pytest.mark.parametrize("path", ["/x", "/chunked"])
    def test_truncate_ends_early_with_the_length_unchanged(
        self, proxy: FaultProxy, path: str, at: int
    ) -> None:
        proxy.add(Fault("truncate", at=at))
        answer = ask(proxy, path=path)
        with pytest.raises(http.client.IncompleteRead) as caught:
            answer.read()
        assert caught.value.partial == BODY[:at]
        if path == "/x":
            assert answer.headers["Content-Length"] == str(len(BODY))

    @pytest.mark.parametrize("at", [0, 70_000])
    def test_reset_breaks_the_connection(self, proxy: FaultProxy, at: int) -> None:
        proxy.add(Fault("reset", at=at))
        answer = ask(proxy)
        assert answer.read(at) == BODY[:at]
        with pytest.raises(ConnectionResetError):
            answer.read(1)

    @pytest.mark.parametrize("path", ["/x", "/chunked"])
    @pytest.mark.parametrize("kind", ["chunk_end", "no_length", "wrong_length"])
    def test_a_short_body_that_looks_complete(
        self, proxy: FaultProxy, kind: Kind, path: str
    ) -> None:
        """Nothing in HTTP gives it away: the client must know better."""
        proxy.add(Fault(kind, at=1000))
        answer = ask(proxy, path=path)
        assert answer.read() == BODY[:1000]
        framing = (answer.headers["Content-Length"], answer.headers["Transfer-Encoding"])
        expected = {
            "chunk_end": (None, "chunked"),
            "no_length": (None, None),
            "wrong_length": ("1000", None),
        }
        assert framing == expected[kind]
        assert proxy.requests[0].fault == kind

    @pytest.mark.parametrize(
        ("path", "at", "flipped"),
        [
            *((path, at, at) for path in ("/x", "/chunked", "/until-end") for at in (0, 99_999)),
            ("/x", 10**9, -1),  # where the length is known beforehand
            ("/x", -1, -1),
        ],
    )
    def test_flip_down_changes_one_bit(
        self, proxy: FaultProxy, path: str, at: int, flipped: int
    ) -> None:
        proxy.add(Fault("flip_down", at=at))
        expected = bytearray(BODY)
        expected[flipped] ^= 1
        assert ask(proxy, path=path).read() == expected

    def test_a_body_fault_does_nothing_to_an_answer_without_a_body(self, proxy: FaultProxy) -> None:
        """The turn is used up; the log says that nothing was done."""
        rule = proxy.add(Fault("truncate", at=0))
        assert ask(proxy, "HEAD").headers["Content-Length"] == str(len(BODY))
        assert proxy.requests[0].fault is None
        assert rule.fired == 1

    @pytest.mark.parametrize("at", [None, 0, 1000])
    def test_stall_pauses(self, proxy: FaultProxy, at: int | None) -> None:
        proxy.add(Fault("stall", seconds=0.3, at=at, times=None))
        to_head: list[float] = []
        while len(to_head) < 10 and min(to_head, default=0.3) >= 0.3:  # a busy machine pauses, too
            begin = time.monotonic()
            answer = ask(proxy)
            to_head.append(time.monotonic() - begin)
            assert answer.read() == BODY
            assert time.monotonic() - begin >= 0.3
            if at is None:
                break
        assert (min(to_head) >= 0.3) == (at is None)

    def test_drip_is_slow(self, proxy: FaultProxy) -> None:
        proxy.add(Fault("drip", rate=len(BODY) * 2))
        begin = time.monotonic()
        assert ask(proxy).read() == BODY
        assert 0.4 < time.monotonic() - begin < 20

    def test_swap_gives_what_the_callback_makes(self, proxy: FaultProxy) -> None:
        def reverse(request: Request, answer: Answer) -> Answer:
            return replace(answer, body=answer.body[::-1] + request.target.encode())

        proxy.add(Fault("swap", change=reverse))
        answer = ask(proxy, path="/chunked")
        assert answer.read() == BODY[::-1] + b"/chunked"
        assert answer.headers["Host-Seen"]


class TestAnswersMadeHere:
    def test_status_is_not_forwarded(self, proxy: FaultProxy, upstream: Upstream) -> None:
        """The body is taken all the same, and the connection goes on."""
        proxy.add(Fault("status", answer=too_many_requests(3)))
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
        connection.request("PUT", "/k", BODY)
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Retry-After"]) == (429, "3")
        assert b"<Code>TooManyRequests</Code>" in answer.read()
        connection.request("GET", "/x")
        assert connection.getresponse().read() == BODY
        connection.close()
        assert upstream.calls == 1
        assert proxy.requests[0].body_length == len(BODY)

    def test_a_head_gets_no_body(self, proxy: FaultProxy) -> None:
        proxy.add(Fault("status", answer=slow_down(), method="HEAD"))
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
        connection.request("HEAD", "/x")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (503, b"")
        connection.request("GET", "/x")
        assert connection.getresponse().read() == BODY
        connection.close()

    @pytest.mark.parametrize("forward", [False, True])
    def test_ok_with_error(self, proxy: FaultProxy, upstream: Upstream, forward: bool) -> None:
        proxy.add(Fault("ok_with_error", forward=forward))
        answer = ask(proxy, "PUT", "/k", b"abc")
        assert answer.status == 200
        assert b"<Code>InternalError</Code>" in answer.read()
        assert upstream.calls == forward

    def test_redirect(self, proxy: FaultProxy, upstream: Upstream) -> None:
        proxy.add(Fault("redirect", location="http://elsewhere.test/k"))
        answer = ask(proxy)
        assert (answer.status, answer.headers["Location"]) == (307, "http://elsewhere.test/k")
        assert upstream.calls == 0

    def test_error_answer_escapes(self) -> None:
        assert b"<Message>a &lt; b</Message>" in error_answer(400, "X", "a < b").body
