"""A server with objects, PUT, GET, ranges and conditions: what signed URLs lead to."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Objects:
    """Its content, and what came."""

    content: dict[str, bytes] = field(default_factory=dict)
    types: dict[str, str | None] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    port: int = 0

    def put(self, name: str, body: bytes, *, once: bool) -> int:
        with self.lock:
            if once and name in self.content:
                return 412
            self.content[name] = body
            return 200


class _Handler(BaseHTTPRequestHandler):
    objects: Objects

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name = self.path.partition("?")[0][1:]
        self.objects.types[name] = self.headers["Content-Type"]
        once = self.headers["If-None-Match"] == "*"
        self._answer(self.objects.put(name, body, once=once))

    def do_GET(self) -> None:
        body = self.objects.content.get(self.path.partition("?")[0][1:])
        if body is None:
            self._answer(404)
            return
        wanted = self.headers["Range"]
        if wanted is None:
            self._answer(200, body, _etag(body))
        elif self.headers["If-Match"] in (None, _etag(body)):
            begin = int(wanted.removeprefix("bytes=").rstrip("-"))
            self._answer(206, body[begin:], _etag(body))
        else:
            self._answer(412)

    def _answer(self, status: int, body: bytes = b"", etag: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if etag:
            self.send_header("ETag", etag)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def _etag(body: bytes) -> str:
    return f'"{hash(body):x}"'


class Server:
    """A context manager: `objects` while it runs."""

    def __enter__(self) -> Objects:
        objects = Objects()
        handler = type("Handler", (_Handler,), {"objects": objects})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        objects.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return objects

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
