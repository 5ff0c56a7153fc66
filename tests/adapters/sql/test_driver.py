"""What both databases do alike, below the portable layer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from portable.errors import LeaseLost, QueueNotFound
from portable.queue.driver import Leased, QueueDriver, WireMessage

from .conftest import Make

JUNK = [
    "",
    ".",
    "1",
    "1.x",
    "x.1",
    "1.1.1.1",
    "99.ff",
    "-1.0",
    ":::",
    "a:b:c:d",
    "a:nan:1:",
    "a:1e999:1:g",
    f"a:1:{1 << 63:x}:",
]


def wire(body: bytes = b"x", **fields: object) -> WireMessage:
    return WireMessage(body=body, **{"attributes": {}, **fields})  # type: ignore[arg-type]


def receive(
    queue: QueueDriver, limit: int = 10, *, wait: float = 0, lease: float = 30
) -> list[Leased]:
    return list(queue.receive(limit, wait=wait, lease=lease))


def bodies(messages: list[Leased]) -> list[bytes]:
    return [message.body for message in messages]


def test_ids_are_in_the_order_of_the_messages(queue: QueueDriver) -> None:
    ids = [*queue.send([wire(b"%d" % n) for n in range(50)]), *queue.send([wire(b"50")])]
    assert len(set(ids)) == 51
    found = {message.id: message.body for message in receive(queue, 1000)}
    assert [found[str(id)] for id in ids] == [b"%d" % n for n in range(51)]


def test_bodies_and_attributes_of_any_characters_survive(queue: QueueDriver) -> None:
    body = bytes(range(256))
    attributes = {"a": "é\0\ud800\N{SNOWMAN}", "b": "'); DROP TABLE message; --"}
    queue.send([wire(body, attributes=attributes), wire(b"")])
    first, second = receive(queue)
    assert (first.body, first.attributes) == (body, attributes)
    assert (second.body, second.attributes) == (b"", {})


@pytest.mark.parametrize(
    "call",
    [
        lambda queue: queue.send([wire()]),
        lambda queue: queue.send([wire(group="g")]),
        lambda queue: queue.receive(1, wait=0, lease=1),
        lambda queue: queue.receive(1, wait=0.2, lease=1),
        lambda queue: queue.ack(["1.1"]),
        lambda queue: queue.extend(["1.1"], 1),
        lambda queue: queue.peek(1),
        lambda queue: queue.stats(),
        lambda queue: queue.purge(),
    ],
)
@pytest.mark.parametrize("others", [False, True])
def test_a_missing_queue_is_not_found(
    make: Make, call: Callable[[QueueDriver], object], others: bool
) -> None:
    """Be there a database with other queues or not."""
    if others:
        make("others").create()
    with pytest.raises(QueueNotFound) as caught:
        call(make())
    assert not caught.value.retryable
    assert not caught.value.ambiguous


def test_deleting_a_missing_queue_does_nothing(make: Make) -> None:
    make().delete()
    make().create()
    make().delete()
    make().delete()


def test_a_deleted_queue_takes_its_messages_along_and_nothing_else(make: Make) -> None:
    queue, other = make(), make("other")
    for each in (queue, other):
        each.create()
        each.send([wire(), wire(group="g"), wire(dedup_id="d")])
    queue.delete()
    queue.create()
    assert not receive(queue)
    queue.send([wire(group="g"), wire(dedup_id="d")])
    assert len(receive(queue)) == 2, "what was deleted doesn't block"
    assert len(receive(other)) == 3


def test_a_lease_ends_by_the_clock_and_its_receipt_with_it(queue: QueueDriver) -> None:
    queue.send([wire()])
    begun = time.monotonic()
    (first,) = receive(queue, lease=0.2)
    early = receive(queue)
    assert not early or time.monotonic() - begun > 0.15
    (second,) = early or receive(queue, wait=5)
    assert (second.id, second.attempts) == (first.id, 2)
    assert second.receipt != first.receipt
    assert isinstance(queue.ack([first.receipt])[0], LeaseLost)
    assert isinstance(queue.extend([first.receipt], 5)[0], LeaseLost)
    assert queue.ack([second.receipt]) == [None]


def test_a_batch_is_answered_entry_by_entry(queue: QueueDriver) -> None:
    queue.send([wire(b"%d" % n) for n in range(4)])
    a, b = receive(queue, 2)
    c, d = receive(queue, 2)
    assert queue.ack([b.receipt]) == [None]
    answers = queue.ack([d.receipt, b.receipt, *JUNK, a.receipt])
    assert [answer is None for answer in answers] == [True, False, *[False] * len(JUNK), True]
    extended = queue.extend([a.receipt, c.receipt, *JUNK], 60)
    assert queue.ack([str(extended[1])]) == [None]
    assert all(isinstance(answer, LeaseLost) for answer in [extended[0], *extended[2:]])


def test_a_receipt_of_another_queue_means_nothing(make: Make) -> None:
    queue, other = make(), make("other")
    queue.create()
    other.create()
    queue.send([wire()])
    (message,) = receive(queue)
    assert isinstance(other.ack([message.receipt])[0], LeaseLost)
    assert queue.ack([message.receipt]) == [None]


def test_groups_are_handed_out_one_at_a_time_in_order(queue: QueueDriver) -> None:
    queue.send([wire(b"a1", group="a"), wire(b"a2", group="a"), wire(b"b1", group="b"), wire(b"-")])
    queue.send([wire(b"a3", group="a", delay=0.0)])
    first = receive(queue)
    assert bodies(first) == [b"a1", b"b1", b"-"]
    assert not receive(queue)
    queue.extend([first[0].receipt], 0)
    (again,) = receive(queue)
    assert again.body == b"a1"
    assert not receive(queue)
    queue.ack([again.receipt, first[1].receipt])
    (second,) = receive(queue)
    assert second.body == b"a2"
    queue.ack([second.receipt])
    assert bodies(receive(queue)) == [b"a3"]


def test_a_message_of_a_group_keeps_its_own_delay(queue: QueueDriver) -> None:
    begun = time.monotonic()
    queue.send([wire(b"1", group="a"), wire(b"2", group="a", delay=0.6)])
    (first,) = receive(queue)
    queue.ack([first.receipt])
    (second,) = receive(queue) or receive(queue, wait=5)
    assert second.body == b"2"
    assert time.monotonic() - begun > 0.55


def test_groups_lose_nothing_when_senders_and_receivers_race(queue: QueueDriver) -> None:
    """A group whose next message nobody frees would stop for ever."""
    done: list[bytes] = []

    def send(thread: int) -> None:
        for number in range(60):
            queue.send([wire(b"%d %d" % (thread, number), group=f"g{number % 2}")])

    def work() -> None:
        while len(done) < 120:
            for message in receive(queue, 3, wait=0.1):
                done.append(message.body)
                queue.ack([message.receipt])

    threads = [threading.Thread(target=work) for _ in range(3)]
    threads += [threading.Thread(target=send, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(done) == sorted(b"%d %d" % (a, b) for a in range(2) for b in range(60))
    for sender in range(2):
        for group in range(2):
            own = [int(body[2:]) for body in done if body.startswith(b"%d " % sender)]
            own = [number for number in own if number % 2 == group]
            assert own == sorted(own)


def test_a_purge_leaves_no_group_waiting(queue: QueueDriver) -> None:
    queue.send([wire(b"1", group="a"), wire(b"2", group="a"), wire(b"3", delay=50)])
    receive(queue, 1)
    queue.purge()
    stats = queue.stats()
    assert (stats.visible, stats.leased, stats.delayed, stats.oldest_age) == (0, 0, 0, None)
    queue.send([wire(b"3", group="a")])
    assert bodies(receive(queue)) == [b"3"]


def test_a_dedup_id_is_sent_once(queue: QueueDriver) -> None:
    first = queue.send(
        [wire(b"1", dedup_id="d"), wire(b"2", dedup_id="d"), wire(b"3", dedup_id="e")]
    )
    again = queue.send([wire(b"4", dedup_id="d")])
    assert first[0] == first[1] == again[0] != first[2]
    (message, other) = receive(queue)
    assert (message.body, other.body) == (b"1", b"3")
    queue.ack([message.receipt])
    assert queue.send([wire(b"5", dedup_id="d")]) == again, "after it was handled too"
    assert not receive(queue)


def test_many_senders_of_one_dedup_id_send_one_message(queue: QueueDriver) -> None:
    with ThreadPoolExecutor(6) as pool:
        ids = list(pool.map(lambda _: queue.send([wire(dedup_id="d")])[0], range(24)))
    assert len(set(ids)) == 1
    assert len(receive(queue)) == 1


def test_stats_tell_visible_leased_delayed_and_the_oldest(queue: QueueDriver) -> None:
    assert queue.stats().oldest_age is None
    queue.send([wire() for _ in range(5)])
    queue.send([wire(delay=50), wire(group="g"), wire(group="g")])
    time.sleep(0.05)
    held = receive(queue, 2)
    stats = queue.stats()
    assert (stats.visible, stats.leased, stats.delayed) == (4, 2, 2)
    assert stats.oldest_age is not None
    assert 0.05 <= stats.oldest_age < 30
    queue.extend([held[0].receipt], 0)
    assert queue.stats().leased == 1


def test_peek_shows_what_could_be_received_and_takes_nothing(queue: QueueDriver) -> None:
    queue.send([wire(b"1", attributes={"a": "b"}), wire(b"2", delay=50), wire(b"3")])
    for _ in range(2):
        looked = queue.peek(10)
        assert bodies(list(looked)) == [b"1", b"3"]
        assert {message.receipt for message in looked} == {""}
        assert {message.attempts for message in looked} == {1}
    assert queue.peek(1)[0].attributes == {"a": "b"}
    assert {message.attempts for message in receive(queue)} == {1}


def test_an_empty_queue_is_waited_for_as_long_as_asked(queue: QueueDriver) -> None:
    begin = time.monotonic()
    assert not receive(queue, wait=0.4)
    assert 0.4 <= time.monotonic() - begin < 10


@pytest.mark.parametrize("by", ["send", "hand back", "delay", "lease", "ack of its group"])
def test_a_waiting_receive_wakes_up(make: Make, by: str) -> None:
    queue, other = make(), make()
    queue.create()
    wake = {
        "send": lambda held: other.send([wire()]),
        "hand back": lambda held: other.extend([held.receipt], 0),
        "ack of its group": lambda held: other.ack([held.receipt]),
    }.get(by)
    held = None
    begin = time.monotonic()
    if by in ("hand back", "lease", "ack of its group"):
        queue.send([wire(group="g"), wire(group="g")])
        (held,) = receive(queue, lease=0.5 if by == "lease" else 30)
    elif by == "delay":
        queue.send([wire(delay=0.5)])
    timer = threading.Timer(0.5, wake, [held]) if wake else None
    if timer:
        timer.start()
    assert len(receive(queue, 1, wait=25)) == 1
    assert 0.3 < time.monotonic() - begin < 15
    if timer:
        timer.join()


def test_threads_never_share_a_lease(queue: QueueDriver) -> None:
    queue.send([wire(b"%d" % n) for n in range(300)])

    def work(_: int) -> list[bytes]:
        own = []
        while found := receive(queue, 7):
            own += bodies(found)
            assert queue.ack([message.receipt for message in found]) == [None] * len(found)
        return own

    with ThreadPoolExecutor(5) as pool:
        got = [body for own in pool.map(work, range(5)) for body in own]
    assert sorted(got) == sorted(b"%d" % n for n in range(300))
    assert queue.stats().visible == 0
