"""A queue and a model of one go through the same random calls, by a clock that they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from unittest import TestCase

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from portable.queue import Message, Queue

bodies = st.one_of(
    st.binary(max_size=20),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=5,
    ),
)
attributes = st.dictionaries(
    st.text("abcXYZ019_.-", min_size=1, max_size=8), st.text(max_size=8), max_size=12
)
# Never the same sum twice, so that no two things happen at the same moment.
lengths = st.sampled_from([3.0, 7.5, 31.0])


def queue_state_machine(
    open_queue: Callable[[], tuple[Queue, Callable[[float], None]]],
    *,
    examples: int = 100,
    steps: int = 40,
    derandomize: bool = True,
) -> type[TestCase]:
    """Return a test case that compares a queue with a model.

    Args:
        open_queue: Opens an empty queue, another one each time, and has a clock: it stands still
            but for the sleeps of the queue's own `Surroundings` and for calls of the function
            that is returned with it. The provider and the `Surroundings` follow it.
        examples: Sequences of calls.
        steps: Calls in each.
        derandomize: The same sequences every time; False looks for new ones.
    """

    class Machine(QueueMachine):
        def make_queue(self) -> tuple[Queue, Callable[[float], None]]:
            return open_queue()

    case: type[TestCase] = Machine.TestCase
    case.settings = settings(  # type: ignore[attr-defined]
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=derandomize,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    return case


@dataclass
class Modelled:
    """What a message has to be."""

    body: Any
    attributes: Mapping[str, str]
    visible_at: float
    attempts: int = 0
    holder: Message | None = None


class QueueMachine(RuleBasedStateMachine):
    """The calls, each with what the model says of it."""

    def make_queue(self) -> tuple[Queue, Callable[[float], None]]:
        """Open an empty queue that hands a message out as often as there is need."""
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        self.queue, self.advance = self.make_queue()
        self.model: dict[str, Modelled] = {}
        self.dead: list[Modelled] = []
        self.deliveries: list[tuple[str, Message]] = []

    @property
    def now(self) -> float:
        """By the clock that they share."""
        return self.queue._connection.surroundings.now()

    @rule(body=bodies, attributes=attributes, delay=st.sampled_from([0.0, 0.0, 5.25]))
    def send(self, body: Any, attributes: dict[str, str], delay: float) -> None:
        """A new message, visible after its delay."""
        if delay > self.queue.capabilities.delay_max:
            delay = 0.0
        id = self.queue.send(body, attributes=attributes, delay=delay)
        assert id not in self.model
        self.model[id] = Modelled(body, attributes, self.now + delay)

    @rule(several=st.lists(bodies, min_size=1, max_size=5))
    def send_many(self, several: list[Any]) -> None:
        """As many new ones."""
        for body, id in zip(several, self.queue.send_many(several), strict=True):
            assert id not in self.model
            self.model[id] = Modelled(body, {}, self.now)

    @rule(limit=st.integers(1, 4), lease=lengths)
    def receive(self, limit: int, lease: float) -> None:
        """Those that are visible, as many as asked for, each as it was sent."""
        lease = max(lease, self.queue.capabilities.lease_min)
        visible = {id for id, each in self.model.items() if each.visible_at <= self.now}
        messages = self.queue.receive(limit, lease=lease)
        ids = [message.id for message in messages]
        assert len(ids) == len(set(ids)) == min(limit, len(visible))
        assert set(ids) <= visible
        for message in messages:
            modelled = self.model[message.id]
            modelled.attempts += 1
            modelled.visible_at = self.now + lease
            modelled.holder = message
            assert message.body == modelled.body
            assert type(message.body) is type(modelled.body)
            assert message.attributes == modelled.attributes
            if self.queue.capabilities.counts_attempts:
                assert message.attempts == modelled.attempts
            self.deliveries.append((message.id, message))

    @precondition(lambda self: self.deliveries)
    @rule(data=st.data())
    def ack(self, data: st.DataObject) -> None:
        """It is removed, or the lease was over and nothing happens to the message."""
        id, message = self._pick(data)
        held = self._holds(id, message)
        acked = message.ack()
        if self.queue.capabilities.tells_lost_lease:
            assert acked == held
        if held:
            del self.model[id]

    @precondition(lambda self: self.deliveries)
    @rule(data=st.data(), delay=st.sampled_from([0.0, 4.5]))
    def nack(self, data: st.DataObject, delay: float) -> None:
        """It is visible again after the delay; a late one changes nothing."""
        id, message = self._pick(data)
        held = self._holds(id, message)
        message.nack(delay)
        if held:
            self.model[id].visible_at = self.now + delay
            self.model[id].holder = None

    @precondition(lambda self: self.deliveries)
    @rule(data=st.data(), lease=lengths)
    def extend(self, data: st.DataObject, lease: float) -> None:
        """The lease ends later, or was over."""
        id, message = self._pick(data)
        if not self._holds(id, message):
            return
        lease = max(lease, self.queue.capabilities.lease_min)
        message.extend(lease)
        assert not message.lease_lost
        self.model[id].visible_at = self.now + lease
        self.deliveries.append((id, message))

    @precondition(lambda self: self.deliveries)
    @rule(data=st.data())
    def dead_letter(self, data: st.DataObject) -> None:
        """It is in the other queue, and not in this one."""
        id, message = self._pick(data)
        if not self._holds(id, message):
            return
        message.dead_letter("because")
        self.dead.append(self.model.pop(id))

    @rule()
    def redrive(self) -> None:
        """All dead letters are new messages."""
        assert self.queue.redrive() == len(self.dead)
        unknown, self.dead = self.dead, []
        # Their new ids aren't told: take them to learn.
        for message in self._take_unknown():
            modelled = next(each for each in unknown if _same(each, message))
            unknown.remove(modelled)
            self.model[message.id] = Modelled(
                modelled.body, modelled.attributes, self.now, attempts=1
            )
            message.nack()
        assert unknown == []

    @rule(seconds=st.sampled_from([1.0, 6.125, 40.0]))
    def time_passes(self, seconds: float) -> None:
        """Leases and delays end."""
        self.advance(seconds)

    @rule(lease=lengths)
    def leases_end(self, lease: float) -> None:
        """And others get the messages, while the receipts of before are still about."""
        self.advance(40.0)
        self.receive(4, lease)

    @rule()
    def purge(self) -> None:
        """Nothing is left, and late receipts are worth nothing."""
        self.queue.purge()
        self.model.clear()

    @rule()
    def reopen(self) -> None:
        """A queue that was closed is the same queue."""
        self.queue.close()

    @invariant()
    def agrees(self) -> None:
        """The figures are the model's, as far as they are told."""
        if not hasattr(self, "queue"):
            return
        stats = self.queue.stats()
        visible = sum(each.visible_at <= self.now for each in self.model.values())
        assert stats.total in (None, len(self.model))
        assert stats.visible in (None, visible)
        if stats.leased is not None and stats.delayed is not None:
            assert stats.leased + stats.delayed == len(self.model) - visible

    def teardown(self) -> None:
        if hasattr(self, "queue"):
            self.queue.purge()
            self.queue.close()

    def _pick(self, data: st.DataObject) -> tuple[str, Message]:
        at = data.draw(st.integers(0, len(self.deliveries) - 1))
        return self.deliveries.pop(at)

    def _holds(self, id: str, message: Message) -> bool:
        modelled = self.model.get(id)
        return (
            modelled is not None and modelled.holder is message and modelled.visible_at > self.now
        )

    def _take_unknown(self) -> list[Message]:
        found = self.queue.receive(1000, lease=max(1.0, self.queue.capabilities.lease_min))
        unknown = []
        for message in found:
            if message.id in self.model:
                self.model[message.id].attempts += 1
                self.model[message.id].visible_at = self.now
                self.model[message.id].holder = None
                message.nack()
            else:
                unknown.append(message)
        return unknown


def _same(modelled: Modelled, message: Message) -> bool:
    """1 and True are equal, and not the same."""
    return (repr(modelled.body), modelled.attributes) == (repr(message.body), message.attributes)
