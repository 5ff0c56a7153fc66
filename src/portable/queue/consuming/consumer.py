"""The loop: as many messages as there are free workers, and none in stock."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from portable.errors import DeadlineExceeded, LeaseLost, PortableError
from portable.interrupt import Interrupted, Interruption
from portable.queue import handing_out
from portable.queue.consuming.acks import Acks
from portable.queue.consuming.heartbeat import Heartbeat
from portable.queue.consuming.plan import Plan
from portable.queue.consuming.signals import LOOK_SECONDS, Watch
from portable.queue.consuming.tally import Tally
from portable.queue.consuming.workers import (
    LoopWorkers,
    NotAwaited,
    ThreadWorkers,
    Workers,
    is_async,
)
from portable.queue.events import QueueEvent, tell
from portable.queue.verdicts import DeadLetter, Retry
from portable.retry import Deadline

if TYPE_CHECKING:
    from portable.queue.connection import Connection
    from portable.queue.message import Message
    from portable.queue.types import ConsumeReport

_log = logging.getLogger("portable.queue")

POLL_SECONDS = 3.0  # how long one receive waits, and so how late a stop may be noticed
FIRST_PAUSE_SECONDS = 0.5  # after a receive that failed; doubled each time
LONGEST_PAUSE_SECONDS = 30.0
BACKOFF_SECONDS = 1.0  # until a failed message is tried again; doubled at each attempt
LONGEST_BACKOFF_SECONDS = 300.0
LAST_SECONDS = 1.0  # for acks and hand-backs when handlers have used up the time to stop


class Consumer:
    """One `consume`, from its start to its end."""

    def __init__(self, connection: Connection, plan: Plan) -> None:
        self._connection = connection
        self._plan = plan
        self._tally = Tally()
        self._interruption = Interruption()
        self._changed = threading.Condition()
        self._running: dict[int, tuple[Message, float]] = {}
        self._ending = ""  # why
        self._asked = False  # from outside
        self._active = time.monotonic()  # the last time that anything was at work
        self._fatal: Exception | None = None
        self._heartbeat = Heartbeat(connection, plan.lease)
        self._acks = Acks(connection, self._busy, self._acked)
        self._watch = Watch(plan.stop, self.stop)
        self._workers: Workers = self._hire()

    def run(self) -> ConsumeReport:
        """Consume until it is time to stop, and tidy up."""
        self._watch.start()
        self._heartbeat.start()
        self._acks.start()
        patience = self._plan.drain
        try:
            self._loop()
        except PortableError:
            raise
        except BaseException:  # a second Ctrl-C: whoever is at work is given up
            patience = 0.0
            raise
        finally:
            self._finish(patience)
        if self._fatal is not None:
            raise self._fatal
        return self._tally.report(self._ending)

    def _hire(self) -> Workers:
        if is_async(self._plan.handler):
            return LoopWorkers(self._plan.handler, self._finished, self._plan.loop)
        return ThreadWorkers(self._plan.handler, self._plan.concurrency, self._finished)

    def _loop(self) -> None:
        started, pause, quiet = 0, FIRST_PAUSE_SECONDS, False
        while (free := self._free_workers()) and not self._watch.look():
            left = None if self._plan.max_messages is None else self._plan.max_messages - started
            if left == 0:
                self._end("max_messages")
                return
            wait = self._wait_at_most()
            if quiet and wait <= 0:
                self._end("idle_timeout")
                return
            try:
                messages = self._receive(free if left is None else min(free, left), wait)
            except Interrupted:
                continue
            except PortableError as error:
                if not error.retryable and not isinstance(error, DeadlineExceeded):
                    raise
                _log.warning("receiving failed, again in %.1f s: %s", pause, error)
                self._pause(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                continue
            pause, quiet = FIRST_PAUSE_SECONDS, not messages
            started += len(messages)
            self._start(messages)

    def _free_workers(self) -> int:
        """How many, when there is one; 0 when it is time to stop."""
        most = self._plan.concurrency
        with self._changed:
            self._wait_for(lambda: self._ending or len(self._running) < most)
            return 0 if self._ending else most - len(self._running)

    def _wait_at_most(self) -> float:
        """How long to wait for a message; 0 when it has been long enough."""
        if self._plan.idle_timeout is None:
            return POLL_SECONDS
        since = time.monotonic() if self._busy() else self._active
        left = since + self._plan.idle_timeout - time.monotonic()
        return max(0.0, min(POLL_SECONDS, left))

    def _receive(self, count: int, wait: float) -> list[Message]:
        with self._interruption.heard():
            return handing_out.receive(
                self._connection,
                count,
                wait=wait,
                lease=self._plan.lease,
                observer=self._plan.observer,
            )

    def _start(self, messages: list[Message]) -> None:
        for message in messages:
            with self._changed:
                ending = bool(self._ending)
                if not ending:
                    self._active = time.monotonic()
                    self._running[id(message)] = (message, time.monotonic())
            if ending:
                self._give_back(message)
            else:
                self._heartbeat.add(message)
                self._workers.start(message)

    def _busy(self) -> bool:
        return bool(self._running)

    def stop(self, why: str = "stop") -> None:
        """Let `run` come to its end, in any thread."""
        self._asked = True
        self._end(why)

    def _broken(self, error: Exception) -> None:
        """Something is wrong that the next message won't put right."""
        self._fatal = self._fatal or error
        self._end("error")

    def _end(self, why: str) -> None:
        with self._changed:
            self._ending = self._ending or why
            self._changed.notify_all()
        self._interruption.ask()

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._wait_for(lambda: self._ending, seconds)

    def _finished(self, message: Message, error: BaseException | None) -> None:
        """A handler ended; called in its thread."""
        with self._changed:
            _, begun = self._running.get(id(message), (message, time.monotonic()))
        seconds = time.monotonic() - begun
        name = self._connection.settings.name
        tell(
            self._plan.observer,
            QueueEvent(kind="handled", queue=name, seconds=seconds, error=error),
        )
        try:
            self._settle(message, error)
        except Exception as failure:  # noqa: BLE001 - raised by `run`; no provider's error
            self._broken(failure)
        finally:
            with self._changed:
                self._active = time.monotonic()
                self._running.pop(id(message), None)
                idle = not self._running
                self._changed.notify_all()
            if idle:
                self._acks.wake()

    def _settle(self, message: Message, error: BaseException | None) -> None:
        if message.settled:  # by the handler, or because it took too long to stop
            self._heartbeat.remove(message)
            if isinstance(error, Exception):  # not: a coroutine that was cancelled
                self._raised(message, error)
            self._count_settled(message)
        elif error is None:
            self._acks.put(message)
        elif isinstance(error, NotAwaited):
            self._broken(error)
            self._give_back(message)
            self._heartbeat.remove(message)
        else:
            self._failed(message, error)
            self._heartbeat.remove(message)

    def _raised(self, message: Message, error: BaseException) -> None:
        if not isinstance(error, DeadLetter | Retry):
            self._tally.raised(error)
            _log.warning(
                "the handler failed for message %s, attempt %d of %d",
                message.id,
                message.attempts,
                self._connection.settings.max_attempts,
                exc_info=error,
            )

    def _failed(self, message: Message, error: BaseException) -> None:
        self._raised(message, error)
        try:
            self._tally.add(message.fail(error, self._backoff(message)))
        except PortableError as failure:  # its lease ends by itself
            _log.warning("a failed message couldn't be handed back: %s", failure)

    def _backoff(self, message: Message) -> float:
        longest = min(
            LONGEST_BACKOFF_SECONDS, BACKOFF_SECONDS * 2.0 ** min(message.attempts - 1, 30)
        )
        chance = self._connection.surroundings.random()
        return min(longest * (0.5 + chance / 2), self._connection.capabilities.lease_max)

    def _acked(self, message: Message, error: Exception | None) -> None:
        self._heartbeat.remove(message)
        if error is not None and not isinstance(error, PortableError):
            self._broken(error)
        if error is None:
            self._tally.add("handled")
        elif isinstance(error, LeaseLost):
            self._tally.add("leases_lost")
            _log.warning("message %s was handled after its lease had ended", message.id)
        elif not message.settled:
            self._tally.add("acks_failed")
            _log.warning("message %s is handled and will come again: %s", message.id, error)

    def _count_settled(self, message: Message) -> None:
        names = {"acked": "handled", "handed back": "retried", "buried": "dead"}
        if message.lease_lost:
            self._tally.add("leases_lost")
        elif message._settled != "handed back" or not self._ending:
            self._tally.add(names[message._settled])

    def _give_back(self, message: Message, deadline: Deadline | None = None) -> None:
        try:
            if deadline is not None and deadline.left() <= 0:
                raise deadline.exceeded()
            message._hand_back(0.0, deadline=deadline)
            self._tally.add("returned")
        except PortableError as error:
            _log.warning("a message couldn't be handed back: %s", error)

    def _finish(self, patience: float) -> None:
        """Wait for the handlers, leases still beating; hand back what doesn't end in time."""
        self._end("error")
        until = time.monotonic() + patience
        try:
            self._workers_done(patience)
        finally:
            with self._changed:
                late = [message for message, _ in self._running.values()]
            left = max(LAST_SECONDS, until - time.monotonic())
            clock = self._connection.surroundings.clock
            deadline = Deadline(clock() + left, left, clock)
            for message in late:
                self._give_back(message, deadline)
            self._workers.stop()
            self._last_acks(until, patience)
            self._heartbeat.stop()
            self._watch.end()

    def _last_acks(self, until: float, patience: float) -> None:
        """All the time they need, unless it was asked to stop: in an outage that could be long."""
        self._acks.stop()
        until = max(until, time.monotonic() + LAST_SECONDS)
        while not self._acks.wait(LOOK_SECONDS):
            if self._ends_by_itself() and not self._asked:
                until = time.monotonic() + max(patience, LAST_SECONDS)
            elif time.monotonic() >= until:
                self._acks.give_up()
                return

    def _workers_done(self, patience: float) -> None:
        """Those that were to end by themselves get all the time they need, until a signal."""
        with self._changed:
            if self._ends_by_itself():
                self._wait_for(lambda: not self._running or self._asked)
            self._wait_for(lambda: not self._running, patience)

    def _ends_by_itself(self) -> bool:
        return self._ending in ("max_messages", "idle_timeout")

    def _wait_for(self, done: Callable[[], object], seconds: float = math.inf) -> None:
        """Wait for a change after which *done*, at most so long.

        A signal that comes just before the main thread waits for a lock, or that another thread is
        given, doesn't end the wait; its handler runs when the main thread looks up.
        """
        until = time.monotonic() + seconds
        while not done() and (left := until - time.monotonic()) > 0:
            self._changed.wait(min(left, LOOK_SECONDS))
