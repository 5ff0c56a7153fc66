"""One thread that renews the leases of all messages at work."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from portable.errors import LeaseLost, PortableError
from portable.queue.consuming.renewals import Renewals
from portable.queue.settling import Answers, extend_all
from portable.retry import Deadline

if TYPE_CHECKING:
    from portable.queue.connection import Connection
    from portable.queue.message import Message

_log = logging.getLogger("portable.queue")

BEATS_PER_LEASE = 3  # two may fail
JITTER = 0.2  # of many consumers that start together
LEAST_PATIENCE_SECONDS = 0.1  # for an answer, before it is asked for on another connection
STOP_SECONDS = 1.0  # for a renewal under way to end


class Heartbeat:
    """Renews leases until the messages are settled, or taken out."""

    def __init__(self, connection: Connection, lease: float) -> None:
        self._connection = connection
        self._lease = lease
        self._pace = lease / BEATS_PER_LEASE
        self._patience = max(self._pace / 2, LEAST_PATIENCE_SECONDS)
        self._renewals = Renewals(self._patience)
        self._messages: dict[int, Message] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="portable-heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def add(self, message: Message) -> None:
        """Renew this one's lease from now on."""
        with self._lock:
            self._messages[id(message)] = message

    def remove(self, message: Message) -> None:
        """Renew it no more."""
        with self._lock:
            self._messages.pop(id(message), None)

    def stop(self) -> None:
        """End the thread; the leases end by themselves. A renewal that hangs is left to itself."""
        self._over.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        begun = time.monotonic()
        while not self._over.wait(self._until_next(begun)):
            begun = time.monotonic()
            self.beat()

    def _until_next(self, begun: float) -> float:
        """Counted from the last one's beginning: where that took long, the next can't wait."""
        pause = self._pace * (1 - JITTER * self._chance())
        return max(0.0, begun + pause - time.monotonic())

    def _chance(self) -> float:
        return self._connection.surroundings.random()

    def beat(self) -> None:
        """Renew every lease of which a third has passed, in as few requests as it takes."""
        clock = self._connection.surroundings.clock
        soon = clock() + self._lease - self._pace
        with self._lock:
            due = [each for each in self._messages.values() if each._ends <= soon]
        # One that is being settled at this moment is left alone.
        held = [each for each in due if each.lock.acquire(blocking=False)]
        try:
            alive = [each for each in held if not each._settled and not each._lost]
            if alive:
                self._note(self._extend(alive))
        except Exception:  # noqa: BLE001 - a thread that ended here would lose every lease
            _log.exception("leases couldn't be renewed; the next beat tries again")
        finally:
            for each in held:
                each.lock.release()

    def _extend(self, messages: list[Message]) -> list[PortableError | None]:
        """Ask until the leases end; what fails meanwhile is tried again by the next beat."""
        clock = self._connection.surroundings.clock
        ends = min(each._ends for each in messages)
        deadline = Deadline(clock() + self._pace, self._pace, clock)

        def ask(extend: Callable[[], Answers]) -> Answers:
            return self._renewals.ask(extend, max(ends - clock(), self._patience))

        return extend_all(self._connection, messages, self._lease, deadline, ask)

    def _note(self, errors: list[PortableError | None]) -> None:
        for error in errors:
            if error is not None and not isinstance(error, LeaseLost):
                _log.warning("a lease couldn't be renewed; the next beat tries again: %s", error)
