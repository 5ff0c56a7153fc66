"""Acks that fail, come too late, or meet another: nothing is claimed that isn't so."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from portable.errors import InvalidArgument, LeaseLost, QueueNotFound, Unavailable
from tests.queue.faulty import Stage, lost_answer, refused, stage, take


def test_an_ack_whose_answer_is_lost_counts(on: Stage) -> None:
    """The second try is told that there is no lease: the first one removed the message."""
    queue = on.open()
    queue.send("x")
    (message,) = take(queue)
    on.script.after["ack"] = [lost_answer()]
    assert message.ack(strict=True) is True
    assert not message.lease_lost
    assert queue.stats().total == 0


def test_an_ack_that_was_refused_and_then_is_too_late_does_not_count(on: Stage) -> None:
    """Nobody carried the first one out."""
    queue = on.open()
    queue.send("x")
    (message,) = take(queue)
    on.clock.advance(31)
    on.script.before["ack"] = [refused()]
    assert message.ack() is False


def test_an_ack_that_fails_for_good_leaves_the_message_to_be_acked(on: Stage) -> None:
    """It raises, and can be tried again."""
    queue = on.open(attempts=2)
    queue.send("x")
    (message,) = take(queue)
    on.script.before["ack"] = [refused(), refused()]
    with pytest.raises(Unavailable):
        message.ack()
    assert not message.settled
    assert message.ack() is True


def test_a_late_ack_is_never_claimed_where_the_server_cannot_tell(on: Stage) -> None:
    """Whatever the server says."""
    on.script.capabilities = {"tells_lost_lease": False}
    on.script.change["ack"] = lambda answers: [None] * len(answers)
    queue = on.open()
    queue.send_many(["late", "strict", "in time"])
    messages = {message.body: message for message in take(queue, 3)}
    assert messages["in time"].ack() is True
    on.clock.advance(31)
    assert messages["late"].ack() is False
    assert messages["late"].lease_lost
    with pytest.raises(LeaseLost):
        messages["strict"].ack(strict=True)


def test_many_acks_are_few_requests_and_each_has_its_answer(on: Stage) -> None:
    """One that is too late is told from those that aren't; another queue's are refused."""
    on.script.capabilities = {"settle_max": 2}
    queue = on.open()
    queue.send_many(range(3))
    late = queue.receive(1, lease=5)
    on.clock.advance(6)
    messages = late + take(queue, 3)
    on.script.before["ack"] = [None, refused()]
    assert queue.ack_many(messages) == [False, True, True, True]
    assert on.script.sizes("ack") == [2, 2, 2]
    with pytest.raises(InvalidArgument, match="another queue"):
        stage().open().ack_many(messages)


def test_settling_makes_no_queue(on: Stage) -> None:
    """One that was deleted meanwhile has nothing to ack."""
    queue = on.open()
    queue.send_many(["a", "b"])
    one, two = take(queue, 2)
    queue.delete()
    with pytest.raises(QueueNotFound):
        one.ack()
    with pytest.raises(QueueNotFound):
        two.nack()
    assert not queue.exists()


def test_two_that_ack_the_same_messages_do_not_wait_for_each_other(on: Stage) -> None:
    """In whichever order each of them has them."""

    class Slow:
        """A lock that the other call finds taken."""

        def __init__(self) -> None:
            self._lock = threading.Lock()

        def acquire(self) -> bool:
            taken = self._lock.acquire(timeout=20)
            time.sleep(0.05)
            return taken

        def release(self) -> None:
            self._lock.release()

    queue = on.open()
    queue.send_many(["a", "b"])
    first, second = take(queue, 2)
    first.lock, second.lock = Slow(), Slow()  # type: ignore[assignment]
    orders = [first, second], [second, first]
    begun = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(queue.ack_many, orders)) == [[True, True], [True, True]]
    assert time.monotonic() - begun < 19
