"""What goes wrong on demand."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import grpc

from portable.testing.fakes.pubsub.failures import Failure


@dataclass(slots=True)
class Fault:
    """Something that happens to the next requests of one method.

    Attributes:
        method: Such as ``"Publish"``; ``"*"`` is every one.
        status: What is answered; `None` lets the request through.
        times: For how many requests; `None` is until `FakePubSub.clear`.
        after: The work is done before the fault: its answer is lost.
        delay: Real seconds to wait first, or until the client gives up.
        words: The text of the answer.
    """

    method: str
    status: grpc.StatusCode | None = None
    times: int | None = 1
    after: bool = False
    delay: float = 0.0
    words: str = "a fault on demand"


class Faults:
    """The faults that wait for their requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def due(self, method: str) -> Fault | None:
        """The fault of this request; it is used up by it."""
        with self._lock:
            for fault in self._waiting:
                if fault.method not in (method, "*"):
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                return fault
        return None


def strike(fault: Fault, context: grpc.ServicerContext) -> None:
    """Let it happen."""
    if fault.delay:
        over = threading.Event()
        if not context.add_callback(over.set):
            over.set()
        over.wait(fault.delay)
    if fault.status is not None:
        raise Failure(fault.status, fault.words)
