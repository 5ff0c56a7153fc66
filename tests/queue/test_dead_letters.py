"""Dead letters when something fails on the way: there twice rather than lost."""

from __future__ import annotations

import pytest

from portable.errors import LeaseLost, Unavailable
from tests.queue.faulty import Stage, refused, take


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
