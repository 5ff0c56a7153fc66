"""How the core waits for messages, whatever the server does, and what it keeps back."""

from __future__ import annotations

import pytest

from portable.interrupt import Interruption
from tests.queue.faulty import Stage, refused, take


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
