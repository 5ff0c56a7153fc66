"""Queues in this process's memory, with groups, de-duplication and a clock that tests can move."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from portable import interrupt
from portable.errors import LeaseLost, PortableError, QueueNotFound
from portable.queue.driver import Leased, QueueCapabilities, WireMessage
from portable.queue.types import QueueStats
from portable_memory.clock import CLOCK, Clock
from portable_memory.settings import MemoryQueueSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

DEDUP_SECONDS = 300.0
WAIT_SLICE_SECONDS = 0.05  # how late an interruption is noticed


@dataclass(slots=True)
class _Stored:
    id: str
    message: WireMessage
    sent_at: float
    visible_at: float
    lease: str = ""  # of the last time that it was handed out
    attempts: int = 0


@dataclass
class _Store:
    """The queues of one clock."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    queues: dict[str, dict[str, _Stored]] = field(default_factory=dict)
    sent: dict[tuple[str, str], tuple[str, float]] = field(default_factory=dict)


_stores: dict[int, tuple[Clock, _Store]] = {}


class MemoryQueue:
    """`QueueDriver` over a dictionary, in the order in which messages were sent."""

    capabilities = QueueCapabilities(
        message_max=1024**2,
        attributes_max=100,
        send_max=100,
        send_bytes_max=16 * 1024**2,
        receive_max=100,
        settle_max=100,
        delay_max=30 * 86400.0,
        lease_max=86400.0,
        wait_max=20.0,
        groups=True,
        dedup_window=DEDUP_SECONDS,
        peeks=True,
        cross_process=False,
    )

    def __init__(self, settings: MemoryQueueSettings, clock: Clock = CLOCK) -> None:
        self._name = settings.name
        self._clock = clock
        self._store = _stores.setdefault(id(clock), (clock, _Store()))[1]

    @property
    def native(self) -> Mapping[str, object]:
        return self._store.queues.get(self._name, {})

    def create(self) -> None:
        with self._store.changed:
            self._store.queues.setdefault(self._name, {})

    def delete(self) -> None:
        with self._store.changed:
            self._store.queues.pop(self._name, None)
            for key in [key for key in self._store.sent if key[0] == self._name]:
                del self._store.sent[key]

    def send(self, messages: Sequence[WireMessage]) -> Sequence[str | PortableError]:
        with self._store.changed:
            queue = self._messages()
            ids = [self._add(queue, message) for message in messages]
            self._store.changed.notify_all()
            return ids

    def receive(self, limit: int, *, wait: float, lease: float) -> Sequence[Leased]:
        until = self._clock.now() + wait
        with self._store.changed:
            while True:
                found = self._visible(limit)
                left = until - self._clock.now()
                if found or left <= 0:
                    return [self._hand_out(each, lease) for each in found]
                interrupt.check()
                self._clock.wait(self._store.changed, min(left, WAIT_SLICE_SECONDS))

    def ack(self, receipts: Sequence[str]) -> Sequence[PortableError | None]:
        with self._store.changed:
            answers = [self._ack(receipt) for receipt in receipts]
            self._store.changed.notify_all()  # the next of its group may come
            return answers

    def extend(self, receipts: Sequence[str], lease: float) -> Sequence[str | PortableError]:
        with self._store.changed:
            answers = [self._extend(receipt, lease) for receipt in receipts]
            self._store.changed.notify_all()
            return answers

    def peek(self, limit: int) -> Sequence[Leased]:
        with self._store.changed:
            return [self._leased(each, each.attempts + 1) for each in self._visible(limit)]

    def stats(self) -> QueueStats:
        with self._store.changed:
            now = self._clock.now()
            messages = self._messages().values()
            visible = [each for each in messages if each.visible_at <= now]
            leased = sum(each.visible_at > now and bool(each.lease) for each in messages)
            oldest = min((each.sent_at for each in visible), default=None)
            return QueueStats(
                visible=len(visible),
                leased=leased,
                delayed=len(messages) - len(visible) - leased,
                oldest_age=None if oldest is None else max(0.0, now - oldest),
            )

    def purge(self) -> None:
        with self._store.changed:
            self._messages().clear()

    def close(self) -> None:
        """The messages stay: they belong to the process."""

    def _messages(self) -> dict[str, _Stored]:
        found = self._store.queues.get(self._name)
        if found is None:
            raise QueueNotFound("no such queue")
        return found

    def _add(self, queue: dict[str, _Stored], message: WireMessage) -> str:
        now = self._clock.now()
        self._forget(now)
        key = (self._name, message.dedup_id or message.token)
        before = self._store.sent.get(key) if key[1] else None
        if before is not None and now < before[1]:
            return before[0]
        id = uuid.uuid4().hex
        queue[id] = _Stored(id, message, sent_at=now, visible_at=now + message.delay)
        if key[1]:
            self._store.sent[key] = (id, now + DEDUP_SECONDS)
        return id

    def _forget(self, now: float) -> None:
        """Let go of what was sent so long ago that the same may be sent again."""
        sent = self._store.sent
        while sent:
            oldest = next(iter(sent))
            if now < sent[oldest][1]:
                return
            del sent[oldest]

    def _visible(self, limit: int) -> list[_Stored]:
        now = self._clock.now()
        found: list[_Stored] = []
        groups: set[str] = set()  # whose first message is taken, now or before
        for each in self._messages().values():
            if len(found) == limit:
                break
            group = each.message.group
            if group is not None and group in groups:
                continue
            if group is not None:
                groups.add(group)
            if each.visible_at <= now:
                found.append(each)
        return found

    def _hand_out(self, stored: _Stored, lease: float) -> Leased:
        stored.attempts += 1
        stored.lease = uuid.uuid4().hex
        stored.visible_at = self._clock.now() + lease
        return self._leased(stored, stored.attempts, f"{stored.id}.{stored.lease}")

    def _leased(self, stored: _Stored, attempts: int, receipt: str = "") -> Leased:
        return Leased(
            id=stored.id,
            body=stored.message.body,
            attributes=stored.message.attributes,
            receipt=receipt,
            attempts=attempts,
            sent_at=stored.sent_at,
            group=stored.message.group,
        )

    def _held(self, receipt: str) -> _Stored | None:
        id, _, lease = receipt.partition(".")
        stored = self._messages().get(id)
        if stored is None or stored.lease != lease or stored.visible_at <= self._clock.now():
            return None
        return stored

    def _ack(self, receipt: str) -> PortableError | None:
        stored = self._held(receipt)
        if stored is None:
            return LeaseLost("the lease is over")
        del self._messages()[stored.id]
        return None

    def _extend(self, receipt: str, lease: float) -> str | PortableError:
        stored = self._held(receipt)
        if stored is None:
            return LeaseLost("the lease is over")
        stored.visible_at = self._clock.now() + lease
        if lease == 0:
            stored.lease = ""
        return receipt
