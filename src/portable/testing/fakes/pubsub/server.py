"""The server, and what tests can ask of it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import grpc

from portable.testing.fakes.pubsub.clock import Clock
from portable.testing.fakes.pubsub.faults import Fault, Faults
from portable.testing.fakes.pubsub.publisher import Publisher
from portable.testing.fakes.pubsub.state import State
from portable.testing.fakes.pubsub.subscriber import Subscriber
from portable.testing.fakes.pubsub.wire import OPTIONS, service

THREADS = 128  # a pull that waits holds one


class FakePubSub:
    """A server on a port of 127.0.0.1. A context manager; what it holds is gone at its end.

    Attributes:
        host: ``127.0.0.1:PORT``, what PUBSUB_EMULATOR_HOST takes.
        endpoint: ``http://127.0.0.1:PORT``.
        requests: Each unary request so far: its method and its message.
        tokens: The access tokens that they had.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        clock: Callable[[], float] = time.time,
        forwards_dead_letters: bool = True,
        secured: grpc.ServerCredentials | None = None,
    ) -> None:
        """Listen; requests are answered from `start` on.

        Args:
            port: Any free one unless given.
            clock: Seconds since the epoch, as the server sees them.
            forwards_dead_letters: Is the service's own account allowed to? If not, attempts
                are counted and messages stay, as at Google's.
            secured: The server's key and certificate, to speak TLS; `endpoint` is https then.
        """
        self.clock = Clock(clock)
        self.requests: list[tuple[str, Any]] = []
        self.tokens: set[str] = set()
        self._faults = Faults()
        self._state = State(self.clock, forwards_dead_letters=forwards_dead_letters)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="fake-pubsub")
        self._server = grpc.server(self._pool, options=[*OPTIONS, ("grpc.so_reuseport", 0)])
        publisher, subscriber = Publisher(self._state), Subscriber(self._state)
        seen = self._saw
        self._server.add_generic_rpc_handlers(
            (
                service(publisher.NAME, self._faults, seen, publisher.methods),
                service(
                    subscriber.NAME, self._faults, seen, subscriber.methods, subscriber.streams
                ),
            )
        )
        address = f"127.0.0.1:{port}"
        if secured is None:
            bound = self._server.add_insecure_port(address)
        else:
            bound = self._server.add_secure_port(address, secured)
        self.host = f"127.0.0.1:{bound}"
        self.endpoint = f"{'http' if secured is None else 'https'}://{self.host}"

    def start(self) -> None:
        """Answer, in threads of its own."""
        self._server.start()

    def serve(self) -> None:
        """Answer until the process is asked to end."""
        over = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: over.set())
        self.start()
        over.wait()
        self.stop()
        os._exit(0)  # threads of requests that still wait would hold the process

    def stop(self) -> None:
        """End every request and close the port."""
        self._server.stop(None).wait()
        self._pool.shutdown(wait=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def advance(self, seconds: float) -> None:
        """Move the server's clock forward."""
        with self._state.changed:
            self.clock.advance(seconds)
            self._state.pass_time()
            self._state.changed.notify_all()

    def add(self, fault: Fault) -> None:
        """Let something go wrong from now on."""
        self._faults.add(fault)

    def clear(self) -> None:
        """Forget faults, and the requests so far."""
        self._faults.clear()
        self.requests.clear()

    def deliver_again(self, subscription: str) -> int:
        """Deliver what is leased once more, while it is; how many messages that is."""
        with self._state.changed:
            count = self._state.subscription(subscription).deliver_again()
            self._state.changed.notify_all()
            return count

    def held(self, subscription: str) -> list[Any]:
        """The messages that aren't settled, in the order of publishing."""
        with self._state.changed:
            return [each.message for each in self._state.subscription(subscription).held.values()]

    def _saw(self, method: str, request: Any, context: grpc.ServicerContext) -> None:
        self.requests.append((method, request))
        for name, value in context.invocation_metadata():
            if name == "authorization":
                self.tokens.add(value.removeprefix("Bearer "))
