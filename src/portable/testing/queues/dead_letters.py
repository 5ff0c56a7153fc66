"""Dead letters: the same on every provider."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from portable.errors import Unsupported
from portable.queue import DeadLetter, Message, Queue, Retry
from portable.testing.queues.base import QueueCases, check_empty, let_pass, take, take_one
from portable.testing.queues.harness import QueueHarness


def dead_letters_of(queue: Queue) -> Queue:
    """The queue of dead letters."""
    dead = queue.dead_letters
    assert dead is not None
    return dead


def check_letter(letter: Message, queue: Queue, id: str, attempts: int) -> None:
    """Check what every dead letter says."""
    assert letter.attributes["dead-letter-queue"] == queue.name
    assert letter.attributes["dead-letter-id"] == id
    if queue.capabilities.counts_attempts:
        assert letter.attributes["dead-letter-attempts"] == str(attempts)
    when = datetime.fromisoformat(letter.attributes["dead-letter-time"])
    assert when.tzinfo is not None
    assert letter.attempts == 1


class DeadLetterCases(QueueCases):
    """`dead_letters`, `redrive`, and what a block or handler can raise."""

    @pytest.fixture
    def impatient(self, harness: QueueHarness) -> Iterator[Queue]:
        """A queue whose messages are tried twice."""
        queue = harness.open_queue(max_attempts=2)
        if not queue.capabilities.counts_attempts:
            pytest.skip("capability counts_attempts is off")
        yield queue
        queue.close()

    def test_last_failure_moves_to_the_dead_letters(self, impatient: Queue) -> None:
        """With the reason and the error, the body and the attributes; it isn't tried again."""
        id = impatient.send({"n": 1}, attributes={"a": "ü", "empty": ""})
        for _ in range(2):
            with pytest.raises(ValueError, match="bad"), take_one(impatient):
                raise ValueError("bad\n\x00 input")
        assert impatient.receive() == []
        letter = take_one(dead_letters_of(impatient))
        check_letter(letter, impatient, id, 2)
        assert letter.body == {"n": 1}
        assert (letter.attributes["a"], letter.attributes["empty"]) == ("ü", "")
        assert letter.attributes["dead-letter-error"] == "ValueError: bad   input"
        assert "2" in letter.attributes["dead-letter-reason"]
        letter.ack()

    def test_message_nobody_settles_moves_before_it_is_handed_out_again(
        self, impatient: Queue, harness: QueueHarness, lease: float
    ) -> None:
        """Its holders may have died of it."""
        id = impatient.send(b"\xffpoison")
        for attempt in (1, 2):
            message = take_one(impatient, lease=lease)
            assert message.attempts == attempt
            let_pass(harness, lease)
        assert impatient.receive(wait=1) == []
        letter = take_one(dead_letters_of(impatient))
        check_letter(letter, impatient, id, 3)
        assert letter.body == b"\xffpoison"
        assert "never acked" in letter.attributes["dead-letter-reason"]
        letter.ack()

    def test_a_block_can_say_what_happens(self, queue: Queue, harness: QueueHarness) -> None:
        """`DeadLetter` and `Retry` end it, and nothing is raised."""
        id = queue.send(b"x")
        with take_one(queue):
            raise Retry
        with take_one(queue):
            raise DeadLetter("wrong schema")
        assert queue.receive() == []
        letter = take_one(dead_letters_of(queue))
        check_letter(letter, queue, id, 2)
        assert letter.attributes["dead-letter-reason"] == "wrong schema"
        with pytest.raises(Unsupported, match="dead letters"):
            letter.dead_letter("twice")
        letter.ack()

    def test_redrive_brings_all_back(self, queue: Queue, harness: QueueHarness) -> None:
        """As they were sent, with attempts from 1; a limit is one."""
        dead = dead_letters_of(queue)
        queue.send_many(range(5), attributes={"a": "b", "empty": ""})
        for message in take(queue, 5):
            message.dead_letter("no")
        assert queue.receive() == []
        assert queue.redrive(2) == 2
        back = take(queue, 2)
        assert queue.redrive() == 3
        back += take(queue, 3)
        assert sorted(message.body for message in back) == list(range(5))
        for message in back:
            assert message.attributes == {"a": "b", "empty": ""}
            assert message.attempts == 1
            assert message.ack()
        assert queue.redrive() == 0
        check_empty(queue)
        check_empty(dead)
        with pytest.raises(Unsupported, match="redrive"):
            dead.redrive()

    def test_large_body_stays_with_its_dead_letter(
        self, queue: Queue, harness: QueueHarness
    ) -> None:
        """And with the message that is brought back; the last ack removes it."""
        body = b"\xff" * (queue.capabilities.message_max + 1)
        queue.send(body)
        take_one(queue).dead_letter("no")
        assert len(list(harness.payloads.list())) == 1
        letter = take_one(dead_letters_of(queue))
        assert letter.body == body
        letter.nack()
        assert queue.redrive() == 1
        message = take_one(queue)
        assert message.body == body
        message.ack()
        assert list(harness.payloads.list()) == []

    def test_dead_letter_of_the_longest_message(self, queue: Queue) -> None:
        """There is room for the reason, however long that is."""
        count = min(40, 64)
        attributes = {f"name-{n}": "x" * 100 for n in range(count)}
        queue.send(b"\xff" * (queue.capabilities.message_max // 2), attributes=attributes)
        take_one(queue).dead_letter("because " * 1000)
        letter = take_one(dead_letters_of(queue))
        assert letter.attributes["dead-letter-reason"].startswith("because because")
        assert len(letter.attributes) >= count + 5
        letter.ack()

    def test_dead_letters_are_a_queue_of_their_own(self, queue: Queue) -> None:
        """Named after it, at the same provider, without dead letters of its own."""
        dead = dead_letters_of(queue)
        assert dead.name == f"{queue.name}-dead"
        assert dead.provider == queue.provider
        assert dead.dead_letters is None
        dead.send(b"x")
        for _ in range(queue._connection.settings.max_attempts + 2):
            message = take_one(dead)
            message.nack()
