"""Faults of requests, and which requests a rule chooses."""

from __future__ import annotations

import http.client
from concurrent.futures import ThreadPoolExecutor

import pytest

from portable.testing.faults import Fault, FaultProxy, Kind, Request, conflict, slow_down
from tests.testing.faults.upstream import BODY, Upstream, ask


class TestRequests:
    @pytest.mark.parametrize("chunked", [False, True])
    def test_flip_up_changes_one_bit(
        self, proxy: FaultProxy, upstream: Upstream, chunked: bool
    ) -> None:
        proxy.add(Fault("flip_up", at=3))
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
        body = iter([b"ab", b"cdef"]) if chunked else b"abcdef"
        connection.request("PUT", "/k", body, encode_chunked=chunked)
        assert connection.getresponse().read() == b"ok"
        connection.close()
        assert upstream.received == [("/k", b"abceef")]
        assert proxy.requests[0].body == b"abcdef"

    @pytest.mark.parametrize("at", [0, 70_000, -1])
    def test_cut_up_resets_both_ends(self, proxy: FaultProxy, upstream: Upstream, at: int) -> None:
        proxy.add(Fault("cut_up", at=at))
        with pytest.raises(OSError):  # noqa: PT011 - a reset or a broken pipe
            ask(proxy, "PUT", "/k", BODY)
        assert upstream.received == []
        assert proxy.requests[0].status is None

    def test_cut_up_of_a_request_without_a_body_keeps_it_from_the_server(
        self, proxy: FaultProxy, upstream: Upstream
    ) -> None:
        proxy.add(Fault("cut_up", at=0))
        with pytest.raises(ConnectionResetError):
            ask(proxy)
        assert upstream.calls == 0

    def test_lost_is_carried_out_and_not_answered(
        self, proxy: FaultProxy, upstream: Upstream
    ) -> None:
        proxy.add(Fault("lost"))
        with pytest.raises(ConnectionResetError):
            ask(proxy, "PUT", "/k", b"abc")
        assert upstream.received == [("/k", b"abc")]
        assert (proxy.requests[0].fault, proxy.requests[0].status) == ("lost", 200)


class TestRules:
    def test_after_and_times_choose_requests(self, proxy: FaultProxy) -> None:
        rule = proxy.add(Fault("status", answer=slow_down(), after=2, times=2))
        assert [ask(proxy).status for _ in range(6)] == [200, 200, 503, 503, 200, 200]
        assert (rule.matched, rule.fired) == (6, 2)

    def test_times_none_is_for_ever(self, proxy: FaultProxy) -> None:
        rule = proxy.add(Fault("status", answer=slow_down(), times=None))
        assert {ask(proxy).status for _ in range(5)} == {503}
        assert rule.fired == 5

    def test_method_path_and_match_choose_requests(self, proxy: FaultProxy) -> None:
        proxy.add(
            Fault(
                "status",
                answer=conflict(),
                times=None,
                method="GET",
                path="/a",
                match=lambda request: request.header("Host") is not None,
            )
        )
        assert ask(proxy, "GET", "/a/b").status == 409
        assert ask(proxy, "GET", "/b").status == 200
        assert ask(proxy, "HEAD", "/a").status == 200

    def test_a_rule_counts_what_earlier_rules_leave(self, proxy: FaultProxy) -> None:
        """So that faults added one after the other come one after the other."""
        proxy.add(Fault("status", answer=slow_down()))
        proxy.add(Fault("status", answer=conflict()))
        assert [ask(proxy).status for _ in range(3)] == [503, 409, 200]

    def test_before_runs_before_the_server_sees_anything(
        self, proxy: FaultProxy, upstream: Upstream
    ) -> None:
        """It may use the proxy itself."""
        calls: list[int] = []

        def look(request: Request) -> None:
            calls.append(upstream.calls)
            ask(proxy, "PUT", "/other", b"new").read()

        proxy.add(Fault("pass", method="GET", after=1, before=look))
        for _ in range(3):
            ask(proxy).read()
        assert calls == [1]
        assert [r.method for r in proxy.requests] == ["GET", "GET", "PUT", "GET"]

    def test_counts_are_exact_under_threads(self, proxy: FaultProxy, upstream: Upstream) -> None:
        rule = proxy.add(Fault("status", answer=slow_down(), after=50, times=100))
        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda n: ask(proxy, path=f"/{n}").status, range(300)))
        assert (statuses.count(503), statuses.count(200)) == (100, 200)
        assert (rule.matched, rule.fired) == (300, 100)
        assert [r.number for r in proxy.requests] == list(range(1, 301))
        assert {r.target for r in proxy.requests} == {f"/{n}" for n in range(300)}

    def test_clear_forgets(self, proxy: FaultProxy) -> None:
        proxy.add(Fault("status", answer=slow_down(), times=None))
        ask(proxy)
        proxy.clear()
        assert ask(proxy).status == 200
        assert len(proxy.requests) == 1

    @pytest.mark.parametrize(
        "kind", ["truncate", "status", "stall", "drip", "redirect", "swap", "strip"]
    )
    def test_a_fault_without_what_it_needs_is_refused(self, kind: Kind) -> None:
        with pytest.raises(ValueError, match=f"{kind!r} needs"):
            Fault(kind)
