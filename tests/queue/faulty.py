"""A queue in memory whose driver does as it is told: fails, loses answers, answers in pieces."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar

from portable import interrupt
from portable.errors import PortableError, Unavailable
from portable.queue import Message, Queue, QueueCapabilities
from portable.queue.driver import Leased, QueueDriver, WireMessage
from portable.retry import Surroundings
from portable.testing.queues.around import QueueDriverAround
from portable.testing.targets.memory import open_memory_bucket
from portable_memory.clock import Clock
from portable_memory.queue import MemoryQueue
from portable_memory.settings import MemoryQueueSettings

T = TypeVar("T")


def lost_answer() -> Unavailable:
    """The request was carried out, and nobody knows."""
    return Unavailable("the connection broke", ambiguous=True)


def refused() -> Unavailable:
    """The request certainly wasn't carried out."""
    return Unavailable("no connection")


@dataclass
class Script:
    """What is to go wrong, and what was asked.

    Attributes:
        before: Raised by the next calls of a method, one each, before anything is done; `None`
            lets one through.
        after: As `before`, when it is done.
        calls: Each call's name and how many entries it had.
        waits: How long each receive was to wait.
        capabilities: Replaces some of the driver's own.
        change: Changes a method's answers.
    """

    before: dict[str, list[Exception | None]] = field(default_factory=dict)
    after: dict[str, list[Exception | None]] = field(default_factory=dict)
    calls: list[tuple[str, int]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    change: dict[str, Callable[[list[Any]], list[Any]]] = field(default_factory=dict)

    def sizes(self, name: str) -> list[int]:
        """How many entries each call of this name had."""
        return [size for each, size in self.calls if each == name]


class ScriptedDriver(QueueDriverAround):
    """Follows a script."""

    def __init__(self, inner: QueueDriver, script: Script) -> None:
        super().__init__(inner)
        self._script = script

    @property
    def capabilities(self) -> QueueCapabilities:
        return replace(self.inner.capabilities, **self._script.capabilities)

    def send(self, messages: Sequence[WireMessage]) -> Sequence[str | PortableError]:
        return self._do("send", len(messages), lambda: self.inner.send(messages))

    def receive(self, limit: int, *, wait: float, lease: float) -> Sequence[Leased]:
        self._script.waits.append(wait)
        return self._do("receive", limit, lambda: self.inner.receive(limit, wait=wait, lease=lease))

    def ack(self, receipts: Sequence[str]) -> Sequence[PortableError | None]:
        return self._do("ack", len(receipts), lambda: self.inner.ack(receipts))

    def extend(self, receipts: Sequence[str], lease: float) -> Sequence[str | PortableError]:
        return self._do("extend", len(receipts), lambda: self.inner.extend(receipts, lease))

    def create(self) -> None:
        self._script.calls.append(("create", 1))
        self.inner.create()

    def _do(self, name: str, size: int, call: Callable[[], Sequence[T]]) -> Sequence[T]:
        self._script.calls.append((name, size))
        _raise_next(self._script.before.get(name))
        answers = call()
        _raise_next(self._script.after.get(name))
        change = self._script.change.get(name)
        changed: Sequence[T] = change(list(answers)) if change else answers
        return changed


def _raise_next(planned: list[Exception | None] | None) -> None:
    if planned and (error := planned.pop(0)) is not None:
        raise error


@dataclass
class Stage:
    """A queue that follows a script, by a clock of its own."""

    script: Script
    clock: Clock
    name: str
    frozen: bool = True
    slept: list[float] = field(default_factory=list)

    def open(self, *, payloads: bool = True, **settings: Any) -> Queue:
        """The queue."""

        def make(settings: Any) -> QueueDriver:
            return ScriptedDriver(MemoryQueue(settings, self.clock), self.script)

        def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            if self.frozen:
                self.clock.sleep(seconds)
            else:
                interrupt.sleep(seconds)

        return Queue(
            make,
            MemoryQueueSettings(name=self.name, **settings),
            provider="memory",
            payloads=(lambda: open_memory_bucket(self.name)) if payloads else None,
            surroundings=Surroundings(
                clock=self.clock.now, sleep=sleep, now=self.clock.now, random=lambda: 0.5
            ),
        )

    def outlive(self, message: Message, lease: float) -> None:
        """Let one and a half leases pass, each half of one when the renewal after the last has come.

        By the clock that is moved, so that a machine that stands still loses no lease.
        """
        until = time.monotonic() + 20
        for _ in range(3):
            renewed = message.lease_until + timedelta(seconds=0.4 * lease)
            self.clock.advance(lease / 2)
            while message.lease_until < renewed and time.monotonic() < until:
                time.sleep(0.01)

    def payload_keys(self) -> list[str]:
        """What is in storage."""
        return [info.key for info in open_memory_bucket(self.name).list()]


def stage(*, frozen: bool = True) -> Stage:
    """A new one."""
    return Stage(Script(), Clock(frozen=frozen), f"q{uuid.uuid4().hex[:16]}", frozen)


def take(queue: Queue, count: int = 1) -> list[Message]:
    """Receive that many."""
    messages = queue.receive(count)
    assert len(messages) == count
    return messages
