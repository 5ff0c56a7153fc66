"""One thread that acks what was handled, many at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from portable.errors import DeadlineExceeded
from portable.interrupt import Interrupted, Interruption
from portable.queue.settling import ack_all

if TYPE_CHECKING:
    from portable.queue.connection import Connection
    from portable.queue.message import Message

TICK_SECONDS = 0.02  # between two requests, while handlers are at work
GIVE_UP_SECONDS = 1.0  # for a request under way to end, when the time is over


class Acks:
    """Acks as they come when nothing else is going on, and gathered for a tick when there is.

    Args:
        busy: Are handlers at work?
        done: Called for each message with `None`, or why it wasn't acked.
    """

    def __init__(
        self,
        connection: Connection,
        busy: Callable[[], bool],
        done: Callable[[Message, Exception | None], None],
    ) -> None:
        self._connection = connection
        self._busy = busy
        self._done = done
        self._pending: list[Message] = []
        self._sent: Sequence[Message] = ()  # whose acks are under way
        self._interruption = Interruption()
        self._changed = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="portable-acks", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def put(self, message: Message) -> None:
        """Ack this one within a tick."""
        with self._changed:
            self._pending.append(message)
            self._changed.notify()

    def wake(self) -> None:
        """Handlers have become idle: no reason to wait."""
        with self._changed:
            self._changed.notify()

    def stop(self) -> None:
        """Ack what there is, and end."""
        with self._changed:
            self._over = True
            self._changed.notify()

    def wait(self, seconds: float) -> bool:
        """Wait so long for the end; has it come?"""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def give_up(self) -> None:
        """Ack nothing more, since it takes too long; what isn't acked is told to `done`."""
        self._interruption.ask()
        if not self.wait(GIVE_UP_SECONDS):
            with self._changed:
                left, self._sent, self._pending = [*self._sent, *self._pending], (), []
            for message in left:
                self._done(message, _too_late())

    def _run(self) -> None:
        most = self._connection.capabilities.settle_max
        sent = float("-inf")
        while True:
            with self._changed:
                while not self._pending and not self._over:
                    self._changed.wait()
                if not self._pending:
                    return
                while not self._over and len(self._pending) < most and self._busy():
                    left = sent + TICK_SECONDS - time.monotonic()
                    if left <= 0 or not self._changed.wait(left):
                        break
                batch, self._pending = self._pending[:most], self._pending[most:]
                self._sent = batch
            sent = time.monotonic()
            answers = self._ack(batch)
            with self._changed:
                given_up, self._sent = self._sent is not batch, ()
            if given_up:
                return
            for message, error in zip(batch, answers, strict=True):
                self._done(message, error)

    def _ack(self, batch: Sequence[Message]) -> Sequence[Exception | None]:
        try:
            with self._interruption.heard():
                return ack_all(self._connection, batch)
        except Interrupted:
            return [_too_late() for _ in batch]
        except Exception as error:  # noqa: BLE001 - told to `done`; the thread goes on
            return [error] * len(batch)


def _too_late() -> DeadlineExceeded:
    return DeadlineExceeded("it is time to stop, and the ack couldn't be sent")
