"""In front of a PostgreSQL server: TLS, and answers that get lost."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path

PIECE = 65536
REQUEST_BYTES = 8  # PostgreSQL's "may I speak TLS?"


class Front:
    """A port that passes everything on to the server.

    Attributes:
        lose: Break the connection in place of passing on the answer to what has this in it.
        lost: How many answers were lost.
    """

    def __init__(self, server: int, *, certificate: Path | None = None) -> None:
        self._server = server
        self._context = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self.lose: bytes | None = None
        self.lost = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _start(self, target: object, *arguments: object) -> None:
        threading.Thread(target=target, args=arguments, daemon=True).start()  # type: ignore[arg-type]

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self._start(self._serve, self._listener.accept()[0])

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._server)) as server:
            if self._context is not None:
                client.recv(REQUEST_BYTES)
                client.sendall(b"S")
                client = self._context.wrap_socket(client, server_side=True)
            losing = threading.Event()
            self._start(self._up, client, server, losing)
            while data := server.recv(PIECE):
                if losing.is_set() and b"C\0\0\0" in data:  # the command is complete
                    self.lost += 1
                    break
                client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
        client.close()

    def _up(self, client: socket.socket, server: socket.socket, losing: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(PIECE):
                if self.lose is not None and self.lose in data:
                    self.lose = None
                    losing.set()
                server.sendall(data)
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
