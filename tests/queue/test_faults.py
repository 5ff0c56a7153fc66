"""What the core makes of drivers that fail: nothing is lost, and nothing is claimed."""

from __future__ import annotations

import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from portable.errors import (
    ConfigError,
    DeadlineExceeded,
    InvalidArgument,
    LeaseLost,
    NotAllSent,
    PermissionDenied,
    PortableError,
    QueueNotFound,
    Throttled,
    Unavailable,
)
from portable.interrupt import Interruption
from portable.queue import Message, Queue
from tests.queue.faulty import Stage, lost_answer, refused, stage

LARGE = b"\xff" * 1_100_000


@pytest.fixture
def on() -> Stage:
    """A queue, its script and its clock."""
    return stage()


def take(queue: Queue, count: int = 1) -> list[Message]:
    """That many."""
    messages = queue.receive(count)
    assert len(messages) == count
    return messages


def test_a_send_whose_answer_is_lost_is_sent_again_as_one_message(on: Stage) -> None:
    """By the same token, which a server that can keeps once."""
    queue = on.open()
    queue.create()
    on.script.after["send"] = [lost_answer(), lost_answer()]
    id = queue.send("x")
    assert on.script.sizes("send") == [1, 1, 1]
    assert [message.id for message in queue.receive(10)] == [id]


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


def test_only_the_entries_that_failed_are_sent_again(on: Stage) -> None:
    """Each with its own answer."""
    queue = on.open()
    queue.create()
    first = iter([True])

    def fail_two(answers: list[object]) -> list[object]:
        return [answers[0], Throttled("slow"), refused()] if next(first, False) else answers

    on.script.change["send"] = fail_two
    ids = queue.send_many(["a", "b", "c"])
    assert on.script.sizes("send") == [3, 2]
    assert len(set(ids)) == 3


def test_send_many_says_which_failed_and_has_the_ids_of_the_others(on: Stage) -> None:
    """Also after it was pickled."""
    queue = on.open()
    queue.create()
    on.script.change["send"] = lambda answers: [
        answers[0],
        InvalidArgument("bad character"),
        *answers[2:],
    ]
    with pytest.raises(NotAllSent, match=r"1 of 3 messages weren't sent.*bad character") as caught:
        queue.send_many(["a", "b", "c"])
    error = pickle.loads(pickle.dumps(caught.value))
    assert list(error.errors) == [1]
    assert isinstance(error.errors[1], InvalidArgument)
    assert [id is None for id in error.ids] == [False, True, False]
    assert not error.ambiguous
    assert queue.url in str(error)


def test_a_batch_that_fails_as_a_whole_fails_each_of_its_messages(on: Stage) -> None:
    """The batches before and after it are sent."""
    on.script.capabilities = {"send_max": 2}
    queue = on.open()
    queue.create()
    on.script.before["send"] = [None, PermissionDenied("no"), None]
    with pytest.raises(NotAllSent) as caught:
        queue.send_many(range(5))
    assert sorted(caught.value.errors) == [2, 3]
    assert sorted(message.body for message in queue.receive(10)) == [0, 1, 4]


def test_batches_are_as_large_as_the_provider_takes(on: Stage) -> None:
    """By count and by bytes."""
    on.script.capabilities = {"send_max": 4, "send_bytes_max": 2500}
    queue = on.open()
    queue.create()
    queue.send_many([b"x" * 10] * 9)
    assert on.script.sizes("send") == [4, 4, 1]
    on.script.calls.clear()
    queue.send_many([b"x" * 1000] * 5)
    assert on.script.sizes("send") == [2, 2, 1]


def test_a_missing_queue_is_made_once(on: Stage) -> None:
    """And the request repeated once."""
    queue = on.open()
    queue.send("x")
    assert [name for name, _ in on.script.calls] == ["send", "create", "send"]
    on.script.before["send"] = [QueueNotFound("gone")] * 5
    with pytest.raises(QueueNotFound):
        queue.send("x")
    assert [name for name, _ in on.script.calls[3:]] == ["send", "create", "send"]


def test_a_large_body_of_a_message_that_was_not_sent_is_removed(on: Stage) -> None:
    """When it certainly wasn't."""
    queue = on.open(attempts=1)
    queue.create()
    on.script.before["send"] = [PermissionDenied("no")]
    with pytest.raises(PermissionDenied):
        queue.send(LARGE)
    assert on.payload_keys() == []


def test_a_large_body_of_a_message_that_may_have_been_sent_is_kept(on: Stage) -> None:
    """Its message may be there."""
    queue = on.open(attempts=1)
    queue.create()
    on.script.after["send"] = [lost_answer()]
    with pytest.raises(Unavailable) as caught:
        queue.send(LARGE)
    assert caught.value.ambiguous
    assert len(on.payload_keys()) == 1
    (message,) = take(queue)
    assert message.body == LARGE


def test_a_large_body_of_an_ambiguous_entry_is_kept_whatever_the_last_error(on: Stage) -> None:
    """One lost answer is enough, even when the last error was clear."""
    queue = on.open(attempts=2)
    queue.create()
    on.script.after["send"] = [lost_answer()]
    on.script.before["send"] = [None, PermissionDenied("no")]
    with pytest.raises(PermissionDenied) as caught:
        queue.send(LARGE)
    assert caught.value.ambiguous
    assert len(on.payload_keys()) == 1


def test_a_large_body_stays_after_a_late_ack(on: Stage) -> None:
    """The message's next holder needs it."""
    queue = on.open()
    queue.send(LARGE)
    (message,) = take(queue)
    on.clock.advance(31)
    assert message.ack() is False
    (again,) = take(queue)
    assert again.body == LARGE
    again.ack()
    assert on.payload_keys() == []


def test_a_large_body_needs_storage(on: Stage) -> None:
    """The text says what to set."""
    with pytest.raises(ConfigError, match="payloads"):
        on.open(payloads=False).send(LARGE)


def test_a_dead_letter_that_is_not_sent_stays_where_it_was(on: Stage) -> None:
    """It is sent before it is acked."""
    queue = on.open(attempts=1)
    queue.send("x")
    (message,) = take(queue)
    on.script.before["send"] = [refused()]
    with pytest.raises(Unavailable):
        message.dead_letter("why")
    assert not message.settled
    assert on.script.sizes("ack") == []
    message.nack()
    assert take(queue)[0].body == "x"


def test_a_dead_letter_that_is_not_acked_is_there_twice_and_not_lost(on: Stage) -> None:
    """As after a crash between the two."""
    queue = on.open(attempts=1)
    queue.send("x")
    (message,) = take(queue)
    on.script.before["ack"] = [refused()]
    message.dead_letter("why")
    dead = queue.dead_letters
    assert dead is not None
    assert dead.receive()[0].body == "x"
    on.clock.advance(31)
    assert take(queue)[0].body == "x"


def test_poison_that_can_not_be_moved_is_handed_back_later(on: Stage) -> None:
    """The receive goes on with what else there is."""
    queue = on.open(max_attempts=1, attempts=1)
    queue.send("poison")
    take(queue)
    on.clock.advance(31)
    queue.send("good")
    on.script.before["send"] = [refused()]
    assert [message.body for message in queue.receive(10)] == ["good"]
    assert queue.receive() == []
    on.clock.advance(61)
    assert queue.receive() == []
    assert queue.dead_letters is not None
    assert queue.dead_letters.receive()[0].body == "poison"


def test_a_redrive_that_fails_hands_the_letters_back(on: Stage) -> None:
    """They can be redriven at once."""
    queue = on.open(attempts=1)
    queue.send_many(["a", "b"])
    for message in take(queue, 2):
        message.dead_letter("why")
    on.script.before["send"] = [refused()]
    with pytest.raises(Unavailable):
        queue.redrive()
    assert queue.redrive() == 2


def test_letters_that_die_while_redriving_stay(on: Stage) -> None:
    """Else it would never end."""
    queue = on.open()
    dead = queue.dead_letters
    assert dead is not None
    later = "2999-01-01T00:00:00.000+00:00"
    dead.send("new", attributes={"dead-letter-time": later})
    dead.send("old", attributes={"dead-letter-time": "2000-01-01T00:00:00.000+00:00"})
    dead.send("undated")
    assert queue.redrive() == 2
    assert sorted(message.body for message in take(queue, 2)) == ["old", "undated"]
    assert [message.body for message in dead.receive(10)] == ["new"]


def test_a_server_that_does_not_wait_is_asked_again_and_again(on: Stage) -> None:
    """Less and less often."""
    on.script.capabilities = {"wait_max": 0.0}
    queue = on.open()
    queue.create()
    assert queue.receive(wait=10) == []
    assert set(on.script.waits) == {0.0}
    assert on.slept[:5] == [0.1, 0.2, 0.4, 0.8, 1.0]
    assert sum(on.slept) == pytest.approx(10)


def test_a_server_that_waits_shorter_is_asked_again(on: Stage) -> None:
    """For what is left, without pauses."""
    on.script.capabilities = {"wait_max": 20.0}
    queue = on.open()
    queue.create()
    begun = on.clock.now()
    assert queue.receive(wait=50) == []
    assert on.script.waits == pytest.approx([20, 20, 10])
    assert on.clock.now() - begun == pytest.approx(50)


def test_a_server_that_answers_too_early_is_not_asked_without_a_pause(on: Stage) -> None:
    """It would be a storm."""
    queue = on.open()
    queue.create()
    frozen = on.clock.wait
    on.clock.wait = lambda condition, seconds: frozen(condition, 0.0)  # type: ignore[method-assign]
    queue._connection.driver.inner.receive = lambda *_, **__: []  # type: ignore[attr-defined]
    assert queue.receive(wait=5) == []
    assert len(on.script.waits) < 12


def test_several_requests_when_one_can_not_ask_for_all(on: Stage) -> None:
    """And those in hand are handed out although a later one fails."""
    on.script.capabilities = {"receive_max": 3}
    queue = on.open(attempts=1)
    queue.send_many(range(8))
    assert len(queue.receive(7)) == 7
    assert on.script.sizes("receive") == [3, 3, 1]
    queue.send_many(range(4))
    on.script.before["receive"] = [None, refused()]
    assert len(queue.receive(10)) == 3


def test_a_lease_counts_from_the_first_of_several_requests(on: Stage) -> None:
    """Else the first messages would be thought held when they are others' already."""

    def slow(answers: list[object]) -> list[object]:
        on.clock.advance(20)
        return answers

    on.script.capabilities = {"receive_max": 3}
    on.script.change["receive"] = slow
    queue = on.open()
    queue.send_many(range(6))
    messages = queue.receive(6, lease=30)
    on.clock.advance(9)
    assert not any(message.lease_lost for message in messages)
    on.clock.advance(2)
    assert all(message.lease_lost for message in messages)


def test_the_deadline_is_the_calls(on: Stage) -> None:
    """Retries end with it, as everywhere."""
    queue = on.open(deadline=1.0, attempts=100)
    queue.create()
    on.script.before["send"] = [Unavailable("away", retry_after=0.6) for _ in range(100)]
    with pytest.raises(DeadlineExceeded):
        queue.send("x")
    assert len(on.script.sizes("send")) == 2


def test_a_held_message_is_given_back_for_as_long_as_it_takes(on: Stage) -> None:
    """That counts for no attempt; it may be tried too often then, and never too seldom."""
    on.script.capabilities = {"delay_max": 10.0, "lease_max": 100.0}
    queue = on.open(long_delays="hold", max_attempts=3)
    queue.send("x", delay=350)
    for _ in range(5):
        assert queue.receive() == []
        on.clock.advance(70.1)
    (message,) = take(queue)
    assert message.attempts == 1
    message.nack()
    tries = 1
    while messages := queue.receive():
        tries += 1
        messages[0].nack()
    assert 3 <= tries <= 3 + 4
    assert queue.dead_letters is not None
    assert queue.dead_letters.receive()[0].body == "x"


def test_a_lease_that_is_too_short_for_the_provider_is_its_shortest(on: Stage) -> None:
    """A longer one than asked for does no harm."""
    on.script.capabilities = {"lease_min": 10.0}
    queue = on.open()
    queue.send("x")
    (message,) = queue.receive(lease=1)
    on.clock.advance(9)
    assert not message.lease_lost
    on.clock.advance(2)
    assert message.lease_lost


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


def test_a_message_that_is_lost_is_not_buried(on: Stage) -> None:
    """Whoever has it now may be about to handle it."""
    queue = on.open(max_attempts=1)
    queue.send("x")
    (message,) = take(queue)
    on.clock.advance(31)
    with pytest.raises(LeaseLost, match="whoever"):
        message.dead_letter("why")
    with pytest.raises(ValueError, match="late"), message:
        raise ValueError("late")
    assert queue.dead_letters is not None
    assert queue.dead_letters.receive() == []


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


def test_what_is_leased_is_handed_out_although_the_call_is_to_stop(on: Stage) -> None:
    """Else it would be nobody's until its lease ends."""
    queue = on.open(max_attempts=1)
    queue.send("poison")
    take(queue)
    on.clock.advance(31)
    queue.send("good")
    interruption = Interruption()

    def stop_now(answers: list[object]) -> list[object]:
        interruption.ask()
        return answers

    on.script.change["receive"] = stop_now
    with interruption.heard():
        messages = queue.receive(10)
    assert [message.body for message in messages] == ["good"]
    del on.script.change["receive"]
    assert queue.dead_letters is not None
    assert queue.dead_letters.receive()[0].body == "poison"


def test_an_entry_whose_answer_is_unclear_once_stays_unclear(on: Stage) -> None:
    """Its large body is kept, and the error says so."""
    queue = on.open(attempts=2)
    queue.create()
    refused: list[list[PortableError]] = [[lost_answer()], [PermissionDenied("no")]]
    answers = iter(refused)
    on.script.change["send"] = lambda _: list(next(answers))
    with pytest.raises(PermissionDenied) as caught:
        queue.send(LARGE)
    assert caught.value.ambiguous
    assert len(on.payload_keys()) == 1


def test_two_that_ack_the_same_messages_do_not_wait_for_each_other(on: Stage) -> None:
    """In whichever order each of them has them."""

    class Slow:
        """A lock that the other call finds taken."""

        def __init__(self) -> None:
            self._lock = threading.Lock()

        def acquire(self) -> bool:
            taken = self._lock.acquire(timeout=5)
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
    assert time.monotonic() - begun < 4
