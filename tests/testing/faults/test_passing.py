"""What passes the proxy passes as it is."""

from __future__ import annotations

import http.client
import os
import resource
import socket
import threading
import time
from contextlib import ExitStack

import pytest

from portable.testing.faults import Fault, FaultProxy
from tests.testing.faults.upstream import BODY, Upstream, ask, raw

SELECT_MAX = 1024  # FD_SETSIZE


def drop_date(answer: bytes) -> list[bytes]:
    return [line for line in answer.split(b"\r\n") if not line.startswith(b"Date:")]


class TestWithoutFaults:
    @pytest.mark.parametrize("path", ["/x", "/chunked", "/until-end", "/empty"])
    def test_an_answer_passes_as_it_is(
        self, proxy: FaultProxy, upstream: Upstream, path: str
    ) -> None:
        """Every byte but the date, whatever the framing."""
        port = upstream.server_address[1]
        request = f"GET {path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n".encode()
        through = raw(proxy, request)
        with socket.create_connection(("127.0.0.1", port)) as direct:
            direct.sendall(request)
            with direct.makefile("rb") as file:
                assert drop_date(through) == drop_date(file.read())
        assert b"Host-Seen: a.test" in through

    def test_one_connection_serves_many_requests(self, proxy: FaultProxy) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
        for method, path in [("GET", "/x"), ("HEAD", "/x"), ("GET", "/chunked"), ("GET", "/e")]:
            connection.request(method, path)
            body = connection.getresponse().read()
            assert body == (b"" if method == "HEAD" else BODY)
        connection.request("PUT", "/up", iter([b"ab", b"cd"]), encode_chunked=True)
        connection.getresponse().read()
        connection.close()
        assert [r.number for r in proxy.requests] == [1, 2, 3, 4, 5]
        assert proxy.requests[-1].body == b"abcd"

    def test_a_client_that_waits_to_be_invited_is(
        self, proxy: FaultProxy, upstream: Upstream
    ) -> None:
        """`Expect: 100-continue`, on the server's word."""
        head = b"PUT /e HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as connection:
            connection.sendall(head)
            assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(b"abc")
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        assert upstream.received == [("/e", b"abc")]

    def test_more_descriptors_than_select_takes_are_no_matter(self, proxy: FaultProxy) -> None:
        """A process that has as many open is no reason for a fault that nobody asked for."""
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        with ExitStack() as stack:
            stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(limits[0], 2048), limits[1]))
            for _ in range(SELECT_MAX):
                stack.callback(os.close, os.dup(0))
            head = b"PUT /e HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nExpect: 100-continue\r\n"
            answer = raw(proxy, head + b"Connection: close\r\n\r\n")
        assert b"HTTP/1.1 200" in answer

    def test_an_answer_before_the_body_is_read_arrives(self) -> None:
        """The server closes meanwhile, which fails what is still being sent to it."""
        refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def refuse() -> None:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(10)
                    connection.sendall(refusal)
                    time.sleep(0.2)

            thread = threading.Thread(target=refuse)
            thread.start()
            with FaultProxy(listener.getsockname()[1]) as proxy:
                head = b"PUT /k HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n123456789"
                assert raw(proxy, head, until=b"\r\n\r\n") == refusal
            thread.join()

    def test_the_log_has_what_came(self, proxy: FaultProxy) -> None:
        ask(proxy, "PUT", "/k?x=1", b"abc").read()
        (request,) = proxy.requests
        assert (request.method, request.target, request.status) == ("PUT", "/k?x=1", 200)
        assert (request.body_length, request.body, request.fault) == (3, b"abc", None)
        assert request.header("content-LENGTH") == "3"


def test_stripped_headers_dont_reach_the_server() -> None:
    """All others do, as they came; a request without them passes unharmed."""
    seen: list[bytes] = []

    def answer(listener: socket.socket) -> None:
        for _ in range(2):
            with listener.accept()[0] as client:
                seen.append(client.recv(65536))
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        with FaultProxy(listener.getsockname()[1]) as proxy:
            proxy.add(Fault("strip", headers=frozenset({"if-match"}), times=None))
            for headers in ({"If-Match": "1", "X-If-Match": "2"}, {}):
                connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
                connection.request("GET", "/x", headers=headers)
                assert connection.getresponse().status == 200
                connection.close()
            assert [request.fault for request in proxy.requests] == ["strip", None]
            assert proxy.requests[0].header("if-match") == "1"
        thread.join()
    assert [line for line in seen[0].splitlines() if b"atch" in line] == [b"X-If-Match: 2"]
    assert seen[0].splitlines()[0] == b"GET /x HTTP/1.1"
