"""TLS in front of a server, with a certificate that nobody else trusts."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import pytest

PIECE = 65536


class TlsServer:
    """TLS in front of a server, and a wire on which one byte is flipped.

    Attributes:
        flip_at: Which byte of all that it sends, from 0; `None` for none.
        sent: Bytes sent so far.
    """

    def __init__(self, upstream_port: int, certificate: Path) -> None:
        self._upstream_port = upstream_port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._inner = socket.create_server(("127.0.0.1", 0))
        self._outer = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._outer.getsockname()[1]
        self.flip_at: int | None = None
        self.sent = 0
        self._start(self._accept, self._inner, self._decrypt)
        self._start(self._accept, self._outer, self._carry)

    def close(self) -> None:
        for listener in (self._inner, self._outer):
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _start(self, target: object, *arguments: object) -> None:
        threading.Thread(target=target, args=arguments, daemon=True).start()  # type: ignore[arg-type]

    def _accept(self, listener: socket.socket, serve: object) -> None:
        with suppress(OSError):
            while True:
                self._start(serve, listener.accept()[0])

    def _decrypt(self, raw: socket.socket) -> None:
        try:
            with self._context.wrap_socket(raw, server_side=True) as client:
                self._join(client, self._upstream_port)
        except OSError:
            raw.close()

    def _carry(self, client: socket.socket) -> None:
        with client:
            self._join(client, self._inner.getsockname()[1], is_wire=True)

    def _join(self, client: socket.socket, port: int, *, is_wire: bool = False) -> None:
        with socket.create_connection(("127.0.0.1", port)) as server:
            up = threading.Thread(target=_copy, args=(client, server), daemon=True)
            up.start()
            with suppress(OSError):
                while data := server.recv(PIECE):
                    client.sendall(self._flipped(data) if is_wire else data)
            for end in (client, server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            up.join(5)

    def _flipped(self, data: bytes) -> bytes:
        start, self.sent = self.sent, self.sent + len(data)
        if self.flip_at is None or not start <= self.flip_at < self.sent:
            return data
        at, self.flip_at = self.flip_at - start, None
        return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(PIECE):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def make_certificate(folder: Path) -> Path:
    """A key and a certificate of its own making for 127.0.0.1, in one file; skips without openssl."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate with")
    key, certificate, both = folder / "key.pem", folder / "certificate.pem", folder / "both.pem"
    arguments = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1"
    # Not an authority's: rustls takes none for a server's.
    told = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE"]
    named = [*told, "-keyout", str(key)]
    subprocess.run(
        [openssl, *arguments.split(), *named, "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both
