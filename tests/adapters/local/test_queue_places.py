"""Whose turn it is, by a clock that the test moves: also where many messages share a moment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from portable.errors import LeaseLost, Unavailable
from portable.queue.driver import Leased, WireMessage
from portable_local.queue.driver import SQLiteQueue
from portable_local.queue.leases import lease_of
from portable_local.queue.settings import LocalQueueSettings

from .support import forked, joined


class Clock:
    now = 1_800_000_000.123456


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(tmp_path: Path, clock: Clock) -> SQLiteQueue:
    settings = LocalQueueSettings(path=str(tmp_path / "queues.db"), name="jobs", durable=False)
    queue = SQLiteQueue(settings, clock=lambda: clock.now)
    queue.create()
    return queue


def send(queue: SQLiteQueue, *bodies: str, **fields: object) -> None:
    sent = [WireMessage(body=body.encode(), attributes={}, **fields) for body in bodies]  # type: ignore[arg-type]
    queue.send(sent)


def take(queue: SQLiteQueue, limit: int = 10, lease: float = 30) -> Sequence[Leased]:
    return queue.receive(limit, wait=0, lease=lease)


def said(messages: Sequence[Leased]) -> str:
    return " ".join(message.body.decode() for message in messages)


def turns(queue: SQLiteQueue, limit: int) -> str:
    """All that may be received, in its order, so many at a time."""
    found: list[Leased] = []
    while some := take(queue, limit):
        found += some
    return said(found)


@pytest.mark.parametrize("limit", [1, 2, 10])
def test_the_oldest_is_next_by_when_it_was_sent_or_was_due_again(
    queue: SQLiteQueue, clock: Clock, limit: int
) -> None:
    send(queue, "leased")
    take(queue, lease=5)
    send(queue, "delayed", delay=2)
    send(queue, "first", "second")
    clock.now += 3
    send(queue, "third")
    clock.now += 3
    send(queue, "fourth")
    assert said(queue.peek(10)) == "first second delayed third leased fourth"
    assert turns(queue, limit) == "first second delayed third leased fourth"


@pytest.mark.parametrize("others", [[], ["other"]])
def test_what_is_handed_back_may_be_received_at_once_after_what_is_there(
    queue: SQLiteQueue, others: list[str]
) -> None:
    send(queue, "held", "back")
    _, back = take(queue)
    send(queue, *others, delay=0.0)
    queue.extend([back.receipt], 0)
    assert turns(queue, 1) == " ".join([*others, "back"])


def test_what_is_sent_after_the_clock_was_set_back_is_received_at_once_and_in_order(
    queue: SQLiteQueue, clock: Clock
) -> None:
    send(queue, "1")
    clock.now -= 3600
    send(queue, "2", "3")
    assert turns(queue, 1) == "1 2 3"


@pytest.mark.parametrize("lease", [30, 0.1, 0.0005])
def test_at_every_moment_a_message_is_either_held_or_due(
    queue: SQLiteQueue, clock: Clock, lease: float
) -> None:
    """Two never hold it, and it is never nobody's."""
    for _ in range(50):
        send(queue, "x")
        (message,) = take(queue, lease=lease)
        assert not take(queue)
        clock.now += lease * 0.999999
        held = not take(queue, lease=99)
        assert held == (queue.ack([message.receipt]) == [None])
        queue.purge()
        clock.now += 0.000_777
    send(queue, "x")
    (message,) = take(queue, lease=lease)
    clock.now += lease + 0.000_001
    assert isinstance(queue.ack([message.receipt])[0], LeaseLost)
    assert said(take(queue)) == "x"


def test_leases_and_delays_of_one_moment_are_kept_apart(queue: SQLiteQueue, clock: Clock) -> None:
    """Also those of several threads, which are as strange to each other as processes."""
    names = [f"{number}" for number in range(300)]
    send(queue, *names[:100])
    send(queue, *names[100:200], delay=30)
    with ThreadPoolExecutor(3) as pool:
        pool.map(lambda name: send(queue, name, delay=30), names[200:])
        taken = list(pool.map(lambda each: take(queue, 1 + each % 3), range(60)))
    first = [message for some in taken for message in some]
    assert sorted(said(first).split()) == sorted(names[:100])
    assert not take(queue)
    extended = queue.extend([message.receipt for message in first], 30)
    clock.now += 30
    receipts = [str(each) for each in extended]
    late = [*queue.ack(receipts[:50]), *(queue.ack([each])[0] for each in receipts[50:])]
    assert all(isinstance(each, LeaseLost) for each in late)
    assert sorted(turns(queue, 7).split()) == sorted(names)


def test_too_many_leases_of_one_moment_are_to_be_tried_again(
    queue: SQLiteQueue, clock: Clock
) -> None:
    """No real clock stands still for as long as it takes to lease so many."""
    for _ in range(3):
        send(queue, *["x"] * 1000)
    assert len(take(queue, 1000)) == len(take(queue, 1000)) == 1000
    with pytest.raises(Unavailable, match="one moment") as caught:
        take(queue, 1000)
    assert caught.value.retryable
    assert not caught.value.ambiguous
    clock.now += 1
    assert len(take(queue, 1000)) == 1000


def test_groups_that_wait_at_one_moment_are_kept_apart(queue: SQLiteQueue, clock: Clock) -> None:
    for number in range(4):
        for group in "ab":
            send(queue, f"{group}{number}", group=group)
            send(queue, f"{group}{number}+", group=group, delay=number)
    got = []
    for _ in range(6):
        while found := take(queue):
            got += said(found).split()
            assert queue.ack([message.receipt for message in found]) == [None] * len(found)
        clock.now += 1
    for group in "ab":
        own = [name for name in got if name.startswith(group)]
        assert own == [f"{group}{number}{more}" for number in range(4) for more in ("", "+")]


def test_the_next_of_a_group_goes_before_what_was_sent_after_it(
    queue: SQLiteQueue, clock: Clock
) -> None:
    send(queue, "a1", "a2", group="a")
    (first,) = take(queue)
    clock.now += 1
    send(queue, "later")
    queue.ack([first.receipt])
    assert turns(queue, 1) == "a2 later"


def test_a_forked_child_draws_ids_and_secrets_of_its_own(
    queue: SQLiteQueue, tmp_path: Path
) -> None:
    send(queue, "1", "2", "3")
    take(queue, 1)

    def work() -> None:
        (message,) = take(queue, 1)
        (id,) = queue.send([WireMessage(body=b"4", attributes={})])
        (tmp_path / "said").write_text(f"{message.receipt} {id}")
        os._exit(0)

    joined([forked(work)])
    receipt, id = (tmp_path / "said").read_text().split()
    (own,) = take(queue, 1)
    (sent,) = queue.send([WireMessage(body=b"5", attributes={})])
    theirs, ours = lease_of(receipt), lease_of(own.receipt)
    assert theirs is not None
    assert ours is not None
    assert theirs.secret != ours.secret
    assert id.partition("-")[2] != str(sent).partition("-")[2]
