"""Each fault against a small server of our own, then a few through boto3 to moto."""

from __future__ import annotations

import http.client
import os
import resource
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from portable.testing.faults import (
    Answer,
    Fault,
    FaultProxy,
    Kind,
    Request,
    conflict,
    error_answer,
    slow_down,
    too_many_requests,
)
from portable.testing.servers import (
    S3Server,
    client,
    moto_server,
    running_with_bucket,
)

BODY = bytes(range(256)) * 1000
SELECT_MAX = 1024  # FD_SETSIZE


class Upstream(ThreadingHTTPServer):
    """Gives `BODY`, by length, in chunks or until the end, and keeps what it is given."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[tuple[str, bytes]] = []
        self.calls = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Upstream

    def do_GET(self) -> None:
        self.server.calls += 1
        self.send_response(200)
        self.send_header("Host-Seen", self.headers["Host"])
        self.send_header("X-Odd:", "  two  spaces ")
        if "chunked" in self.path:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for start in range(0, len(BODY), 50_000):
                piece = BODY[start : start + 50_000]
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
            return
        if "until-end" in self.path:
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(BODY)
            return
        body = b"" if "empty" in self.path else BODY
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        if self.headers["Transfer-Encoding"] == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                return
        self.server.calls += 1
        self.server.received.append((self.path, body))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        try:
            super().handle()
        except (OSError, ValueError):
            self.close_connection = True  # the proxy cut it


opened: list[http.client.HTTPConnection] = []


@pytest.fixture(autouse=True)
def _closed_connections() -> Iterator[None]:
    """Close what `ask` opened, once the test has read what it wants."""
    yield
    while opened:
        opened.pop().close()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[FaultProxy]:
    with FaultProxy(upstream.server_address[1], keep_bodies=True) as proxy:
        yield proxy


def ask(
    proxy: FaultProxy, method: str = "GET", path: str = "/x", body: bytes | None = None
) -> http.client.HTTPResponse:
    """Send one request on a connection of its own; the answer's body is still to be read."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    opened.append(connection)
    connection.request(method, path, body)
    return connection.getresponse()


def raw(proxy: FaultProxy, data: bytes, *, until: bytes = b"") -> bytes:
    """Send *data* and return what comes back, up to *until* or the end."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as connection:
        connection.sendall(data)
        answer = b""
        while not until or until not in answer:
            if not (got := connection.recv(65536)):
                break
            answer += got
    return answer


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


def drop_date(answer: bytes) -> list[bytes]:
    return [line for line in answer.split(b"\r\n") if not line.startswith(b"Date:")]


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
        proxy.add(Fault("stall", seconds=0.3, at=at))
        begin = time.monotonic()
        answer = ask(proxy)
        to_head = time.monotonic() - begin
        assert answer.read() == BODY
        assert time.monotonic() - begin >= 0.3
        assert (to_head >= 0.3) == (at is None)

    def test_drip_is_slow(self, proxy: FaultProxy) -> None:
        proxy.add(Fault("drip", rate=len(BODY) * 2))
        begin = time.monotonic()
        assert ask(proxy).read() == BODY
        assert 0.4 < time.monotonic() - begin < 3

    def test_swap_gives_what_the_callback_makes(self, proxy: FaultProxy) -> None:
        def reverse(request: Request, answer: Answer) -> Answer:
            return replace(answer, body=answer.body[::-1] + request.target.encode())

        proxy.add(Fault("swap", change=reverse))
        answer = ask(proxy, path="/chunked")
        assert answer.read() == BODY[::-1] + b"/chunked"
        assert answer.headers["Host-Seen"]


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


class TestClose:
    def test_no_thread_is_left(self, upstream: Upstream) -> None:
        """Not those of idle or stalled connections either."""
        before = set(threading.enumerate())
        with FaultProxy(upstream.server_address[1]) as proxy:
            proxy.add(Fault("stall", path="/stall", seconds=60))
            idle = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
            idle.request("GET", "/x")
            idle.getresponse().read()
            stalled = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
            stalled.request("GET", "/stall")
            deadline = time.monotonic() + 5
            while len(proxy.requests) < 2 and time.monotonic() < deadline:
                time.sleep(0.01)
            begin = time.monotonic()
        assert time.monotonic() - begin < 2
        left = {t for t in threading.enumerate() if t not in before}
        assert not [t for t in left if "_serve" in t.name or t.name.startswith("fault-proxy")]
        idle.close()
        stalled.close()

    def test_a_callback_that_fails_is_not_passed_over(self, upstream: Upstream) -> None:
        def fail(request: Request) -> None:
            raise KeyError(request.target)

        proxy = FaultProxy(upstream.server_address[1])
        proxy.add(Fault("pass", before=fail))
        with pytest.raises(http.client.RemoteDisconnected):
            ask(proxy)
        with pytest.raises(RuntimeError, match="callback"):
            proxy.close()
        proxy.close()

    def test_a_server_that_is_gone_resets(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        with FaultProxy(port) as proxy, pytest.raises(ConnectionResetError):
            ask(proxy)


@pytest.fixture(scope="module")
def moto() -> Iterator[S3Server]:
    with running_with_bucket(moto_server, "bucket") as server:
        yield server


@pytest.fixture
def s3_proxy(moto: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(moto.port) as proxy:
        yield proxy


class TestThroughBoto3:
    def test_a_lost_answer_looks_like_a_conflict(
        self, moto: S3Server, s3_proxy: FaultProxy
    ) -> None:
        """The SDK's own retry meets what its first attempt stored."""
        s3 = client(replace(moto, endpoint=s3_proxy.endpoint), retries={"total_max_attempts": 2})
        s3_proxy.add(Fault("lost", method="PUT", path="/bucket/lost"))
        with pytest.raises(s3.exceptions.ClientError, match="PreconditionFailed"):
            s3.put_object(Bucket="bucket", Key="lost", Body=b"mine", IfNoneMatch="*")
        assert s3.get_object(Bucket="bucket", Key="lost")["Body"].read() == b"mine"
        assert [r.method for r in s3_proxy.requests] == ["PUT", "PUT", "GET"]
        s3.close()

    def test_a_flipped_upload_is_refused(self, moto: S3Server, s3_proxy: FaultProxy) -> None:
        s3 = client(replace(moto, endpoint=s3_proxy.endpoint))
        s3_proxy.add(Fault("flip_up", method="PUT", at=500))
        with pytest.raises(s3.exceptions.ClientError, match=r"BadDigest|XAmzContentSHA256Mismatch"):
            s3.put_object(Bucket="bucket", Key="flip", Body=BODY)
        with pytest.raises(s3.exceptions.ClientError, match="404"):
            s3.head_object(Bucket="bucket", Key="flip")
        s3.close()

    def test_a_cut_upload_is_not_stored(self, moto: S3Server, s3_proxy: FaultProxy) -> None:
        from botocore.exceptions import BotoCoreError

        s3 = client(replace(moto, endpoint=s3_proxy.endpoint))
        s3_proxy.add(Fault("cut_up", method="PUT", at=500))
        with pytest.raises(BotoCoreError):
            s3.put_object(Bucket="bucket", Key="cut", Body=BODY)
        with pytest.raises(s3.exceptions.ClientError, match="404"):
            s3.head_object(Bucket="bucket", Key="cut")
        s3.close()

    def test_throttling_is_read_as_such(self, moto: S3Server, s3_proxy: FaultProxy) -> None:
        s3 = client(replace(moto, endpoint=s3_proxy.endpoint))
        s3_proxy.add(Fault("status", answer=slow_down()))
        with pytest.raises(s3.exceptions.ClientError, match="SlowDown"):
            s3.put_object(Bucket="bucket", Key="slow", Body=b"x")
        s3.put_object(Bucket="bucket", Key="slow", Body=b"x")
        assert [r.status for r in s3_proxy.requests] == [503, 200]
        s3.close()


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
