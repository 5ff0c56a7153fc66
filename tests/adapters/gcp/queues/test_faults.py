"""Pub/Sub fails, each request in each way: nothing is lost, nothing hangs, all errors are ours."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import grpc
import pytest

from portable.errors import PortableError
from portable.queue import Queue
from portable.retry import Surroundings
from portable.testing.fakes.pubsub import FakePubSub, Fault
from portable.testing.targets.pubsub import isolate, open_pubsub_queue

SUBSCRIPTION = "projects/testing/subscriptions/jobs"
DEAD = f"{SUBSCRIPTION}-dead"
STATUSES = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
PASSING = [  # those that don't say that nothing was done
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
]
METHODS = [
    "GetSubscription",
    "CreateTopic",
    "CreateSubscription",
    "Publish",
    "Pull",
    "ModifyAckDeadline",
    "Acknowledge",
]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch)


@pytest.fixture
def server() -> Iterator[FakePubSub]:
    with FakePubSub() as server:
        yield server


@pytest.fixture
def queue(server: FakePubSub) -> Iterator[Queue]:
    """One that doesn't wait between attempts."""
    queue = open_pubsub_queue(server, "jobs", lease=30.0, timeout=5.0)
    queue._connection.surroundings = Surroundings(
        clock=server.clock, now=server.clock, sleep=lambda _: None
    )
    with closing(queue):
        yield queue


def work(queue: Queue, told: set[str], done: set[str]) -> None:
    """Send three messages, receive, extend and ack them, with every request there is."""
    for number in range(3):
        told.add(queue.send({"number": number}))
    for message in queue.receive(10, wait=0, lease=45):
        message.extend(60)
        if message.ack():
            done.add(message.id)


def left(server: FakePubSub, name: str = SUBSCRIPTION) -> set[str]:
    if name not in server._state.subscriptions:
        return set()
    return {message.message_id for message in server.held(name)}


@pytest.mark.parametrize(
    ("code", "after"),
    [*((code, False) for code in STATUSES), *((code, True) for code in PASSING)],
    ids=lambda value: {False: "refused", True: "answer lost"}.get(value, str(value)),
)
def test_a_failure_of_any_request_loses_nothing(
    server: FakePubSub, queue: Queue, code: grpc.StatusCode, after: bool
) -> None:
    """What a sender was told is stored or done; what passes is tried again, and not seen."""
    for method in METHODS:
        server.clear()
        server.add(Fault(method, code, after=after))
        told: set[str] = set()
        done: set[str] = set()
        before = left(server)
        began = time.monotonic()
        try:
            work(queue, told, done)
        except PortableError:
            assert code not in PASSING or (method == "Pull" and after), method
        assert time.monotonic() - began < 5
        assert not done & left(server), method
        assert (told | before) - done <= left(server), method


def test_a_failure_that_stays_ends_every_call_with_an_error_of_ours(
    server: FakePubSub, queue: Queue
) -> None:
    queue.send(b"x")
    (message,) = queue.receive(wait=5)
    calls: dict[str, Callable[[], object]] = {
        "Publish": lambda: queue.send(b"y"),
        "Pull": queue.receive,
        "ModifyAckDeadline": lambda: message.extend(60),
        "Acknowledge": message.ack,
        "Seek": queue.purge,
    }
    for code in STATUSES:
        for method, call in calls.items():
            server.clear()
            server.add(Fault(method, code, times=None))
            with pytest.raises(PortableError) as caught:
                call()
            assert caught.value.provider == "gcp"
            assert len([each for each, _ in server.requests if each == method]) <= 6
    server.clear()
    assert left(server) == {message.id}
    assert message.ack()


def test_a_hand_back_that_fails_comes_back_with_its_lease(server: FakePubSub, queue: Queue) -> None:
    queue.send(b"x")
    (message,) = queue.receive(wait=5)
    server.add(Fault("ModifyAckDeadline", grpc.StatusCode.UNAVAILABLE, times=None))
    with pytest.raises(PortableError):
        message.nack()
    server.clear()
    server.advance(31)
    (again,) = queue.receive(wait=5)
    assert (again.id, again.attempts) == (message.id, 2)


def test_a_pull_whose_answer_is_lost_brings_its_messages_later(
    server: FakePubSub, queue: Queue
) -> None:
    queue.send(b"x")
    server.add(Fault("Pull", grpc.StatusCode.UNAVAILABLE, after=True))
    assert queue.receive() == []
    server.advance(31)
    (message,) = queue.receive(wait=5)
    assert message.attempts == 2


def test_duplicates_are_told_apart_by_their_id(server: FakePubSub, queue: Queue) -> None:
    id = queue.send(b"x")
    (first,) = queue.receive(wait=5)
    server.deliver_again(SUBSCRIPTION)
    (second,) = queue.receive(wait=5)
    assert first.id == second.id == id
    assert first.ack()
    second.ack()
    assert left(server) == set()


@pytest.mark.parametrize("settings", [{}, {"exactly_once": True}, {"fifo": True}], ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_a_storm_of_faults_loses_nothing(
    server: FakePubSub, settings: dict[str, Any], seed: int
) -> None:
    """Every third request fails, half of those after the work was done."""
    chance = random.Random(seed)
    queue = open_pubsub_queue(server, "jobs", timeout=5.0, max_attempts=5, attempts=4, **settings)
    surroundings = Surroundings(clock=server.clock, now=server.clock, sleep=lambda _: None)
    queue._connection.surroundings = surroundings
    group = "one" if "fifo" in settings else None
    told: set[Any] = set()
    done: set[Any] = set()

    def disturb() -> None:
        server.clear()
        for _ in range(3):
            passing = sorted(PASSING, key=lambda code: code.name)
            fault = Fault(chance.choice(METHODS), chance.choice(passing))
            fault.after = chance.random() < 0.5
            server.add(fault)

    with closing(queue):
        for number in range(60):
            disturb()
            try:
                queue.send(number, group=group)
                told.add(number)
            except PortableError:
                pass
            try:
                for message in queue.receive(5):
                    outcome = chance.choice(["nack", "ack", "ack", "forget"])
                    if outcome == "nack":
                        message.nack()
                    elif outcome == "ack" and message.ack():
                        done.add(message.body)
            except PortableError:
                pass
            server.advance(chance.choice([0, 0, 31]))
        server.clear()
        for _ in range(200):
            server.advance(1)
            for message in queue.receive(100):
                done.add(message.body)
                message.ack()
        dead = queue.dead_letters
        assert dead is not None
        done |= {message.body for message in dead.receive(100)}
        assert told <= done
        assert left(server) == set()
