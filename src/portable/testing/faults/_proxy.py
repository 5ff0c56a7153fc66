"""The proxy: threads, connections, rules and the log."""

from __future__ import annotations

import copy
import socket
import threading
from types import TracebackType
from typing import Self

from portable.testing.faults._exchange import Ended, Exchange
from portable.testing.faults._messages import Head, Stream, read_head
from portable.testing.faults._rules import Fault, Request, Rule

TIMEOUT_SECONDS = 60.0
JOIN_SECONDS = 10.0


class FaultProxy:
    """An HTTP proxy on a free port of 127.0.0.1 that passes bytes on as they are.

    Requests reach the server with the headers they came with, `Host` too, so signatures hold
    where the server takes `Host` for its own name, as moto, ministack and SeaweedFS do. Each
    goes to the server on a connection of its own; clients may keep theirs.

    A request is affected by the first of the rules, in the order in which they were added, that
    is due for it; a rule counts those only that no earlier one took.

    Args:
        upstream_port: Of a server on 127.0.0.1.
        keep_bodies: Keep requests' bodies in the log.
    """

    def __init__(self, upstream_port: int, *, keep_bodies: bool = False) -> None:
        self._upstream_port = upstream_port
        self._keep_bodies = keep_bodies
        self._lock = threading.RLock()  # a rule's `match` may look at the log
        self._rules: list[Rule] = []
        self._requests: list[Request] = []
        self._failures: list[Exception] = []
        self._threads: set[threading.Thread] = set()
        self._streams: set[Stream] = set()
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name=f"fault-proxy-{self.port}")
        self._acceptor.daemon = True
        self._acceptor.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[Request]:
        """Every request so far, in the order in which they came: copies."""
        with self._lock:
            return [copy.copy(request) for request in self._requests]

    def add(self, fault: Fault) -> Rule:
        """Use *fault* from the next request on."""
        rule = Rule(fault)
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        """Drop all rules and forget all requests."""
        with self._lock:
            self._rules.clear()
            self._requests.clear()

    def close(self) -> None:
        """Break all connections off and wait for the threads. May be called twice.

        Raises:
            RuntimeError: a callback of a rule failed, or a thread doesn't end.
        """
        if not self._stopping.is_set():
            self._stopping.set()
            with socket.socket() as wake:
                wake.connect(("127.0.0.1", self.port))
            self._acceptor.join(JOIN_SECONDS)
            self._listener.close()
        with self._lock:
            threads = list(self._threads)
            for stream in self._streams:
                stream.wake()
        for thread in threads:
            thread.join(JOIN_SECONDS)
            if thread.is_alive():
                raise RuntimeError("a thread of the proxy doesn't end: is a callback stuck?")
        if self._failures:
            raise RuntimeError("a callback of a rule failed") from self._failures.pop(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._stopping.is_set():
                connection.close()
                return
            stream = Stream(connection)
            thread = threading.Thread(target=self._serve, args=(stream,), daemon=True)
            with self._lock:
                self._streams.add(stream)
                self._threads.add(thread)
            thread.start()

    def _serve(self, client: Stream) -> None:
        try:
            while head := read_head(client):
                self._exchange(client, head)
        except (OSError, Ended):
            pass  # the client sees it too
        except Exception as error:  # noqa: BLE001 - kept for `close`, which raises it
            self._failures.append(error)
        finally:
            self._forget(client)
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _exchange(self, client: Stream, head: Head) -> None:
        method, target, _ = head.start.split(" ", 2)
        opened: list[Stream] = []

        def connect() -> Stream:
            address = ("127.0.0.1", self._upstream_port)
            server = Stream(socket.create_connection(address, TIMEOUT_SECONDS))
            opened.append(server)
            with self._lock:
                self._streams.add(server)
            if self._stopping.is_set():  # `close` may have looked before this one was there
                raise ConnectionError("the proxy is closing")
            return server

        with self._lock:
            request = Request(len(self._requests) + 1, method, target, head.headers)
            self._requests.append(request)
            rule = next((rule for rule in self._rules if rule.takes(request)), None)
        exchange = Exchange(
            client,
            head,
            request,
            rule.fault if rule else None,
            connect=connect,
            stopping=self._stopping,
            keep_body=self._keep_bodies,
        )
        try:
            exchange.run()
        except OSError:
            client.reset()  # what happened to the server's connection happens to the client's
            raise
        finally:
            for server in opened:
                self._forget(server)

    def _forget(self, stream: Stream) -> None:
        with self._lock:
            self._streams.discard(stream)
        stream.close()
