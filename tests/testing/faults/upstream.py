"""A small server behind the proxy, and requests to it."""

from __future__ import annotations

import http.client
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from portable.testing.faults import FaultProxy

BODY = bytes(range(256)) * 1000


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
