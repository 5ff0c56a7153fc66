"""Handlers and drivers that fail, and what the consumer does then."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from portable.errors import (
    InvalidType,
    PermissionDenied,
    QueueNotFound,
    Throttled,
    Unavailable,
)
from portable.queue import DeadLetter, Message, Retry
from portable.queue.consuming import consumer
from tests.queue.faulty import Stage, lost_answer


def test_back_off_grows_with_the_attempts(on: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to the longest, and never beyond what the provider can."""
    monkeypatch.setattr(consumer, "BACKOFF_SECONDS", 1.0)
    on.script.capabilities = {"lease_max": 100.0}
    queue = on.open(max_attempts=50)
    delays: list[float] = []
    real = queue._connection.driver.extend

    def extend(receipts: list[str], lease: float) -> Any:
        delays.append(lease)
        return real(receipts, 0.0)

    monkeypatch.setattr(queue._connection.driver, "extend", extend)
    queue.send("x")

    def handle(_: Message) -> None:
        raise ValueError

    queue.consume(handle, max_messages=9)
    assert delays == [0.75, 1.5, 3, 6, 12, 24, 48, 96, 100]


def test_handlers_say_what_happens(on: Stage) -> None:
    """By what they raise, or by what they do to the message."""
    queue = on.open()
    queue.send_many(["dead", "retry", "ack", "nack", "bury", "exit"])
    events: Counter[str] = Counter()

    def handle(message: Message) -> None:
        if message.body == "dead":
            raise DeadLetter("no use")
        if message.attempts > 1:
            return
        if message.body == "retry":
            raise Retry(0)
        if message.body == "ack":
            message.ack()
        if message.body == "nack":
            message.nack()
        if message.body == "bury":
            message.dead_letter("by hand")
        if message.body == "exit":
            sys.exit(3)

    report = queue.consume(
        handle, idle_timeout=0.3, on_event=lambda event: events.update({event.kind: event.count})
    )
    assert (report.handled, report.retried, report.dead) == (4, 3, 2)
    assert report.errors == {"SystemExit": 1}
    assert events == {"received": 9, "handled": 9, "acked": 4, "retried": 3, "dead": 2}
    assert queue.stats().total == 0


def test_poison_goes_to_the_dead_letters_and_the_rest_goes_on(on: Stage) -> None:
    """After its last attempt; the error is in the letter."""
    queue = on.open(max_attempts=3)
    queue.send_many(["poison", *range(5)])
    tries: Counter[object] = Counter()

    def handle(message: Message) -> None:
        tries[message.body] += 1
        if message.body == "poison":
            raise KeyError("lr")

    report = queue.consume(handle, concurrency=2, idle_timeout=0.3)
    assert tries["poison"] == 3
    assert (report.handled, report.retried, report.dead) == (5, 2, 1)
    assert queue.dead_letters is not None
    (letter,) = queue.dead_letters.receive()
    assert letter.attributes["dead-letter-error"] == "KeyError: 'lr'"


def test_receiving_is_tried_again_while_that_may_help(on: Stage) -> None:
    """Beyond the retries of one request."""
    queue = on.open(attempts=1)
    queue.send("x")
    on.script.before["receive"] = [Throttled("slow"), Unavailable("away"), lost_answer()]
    assert queue.consume(lambda _: None, max_messages=1).handled == 1


@pytest.mark.parametrize("error", [PermissionDenied("no"), QueueNotFound("none")])
def test_an_error_that_lasts_ends_it(on: Stage, error: Exception) -> None:
    """When those at work are done."""
    queue = on.open(attempts=1, create=False)
    queue.create()
    queue.send("x")
    on.script.before["receive"] = [None, error]
    done: list[object] = []

    def handle(message: Message) -> None:
        time.sleep(0.2)
        done.append(message.body)

    with pytest.raises(type(error)) as caught:
        queue.consume(handle, concurrency=2)
    assert done == ["x"]
    assert queue.stats().total == 0
    assert queue.url in str(caught.value)


def test_a_driver_that_is_broken_ends_it(on: Stage) -> None:
    """With its own error, not in a thread that nobody hears of."""
    queue = on.open()
    queue.send("x")
    on.script.before["ack"] = [ZeroDivisionError("a bug")]
    with pytest.raises(ZeroDivisionError):
        queue.consume(lambda _: None)


@pytest.mark.parametrize(
    "verdict",
    [
        lambda: DeadLetter(ValueError("text is wanted")),  # type: ignore[arg-type]
        lambda: Retry(-1),
        lambda: Retry(float("nan")),
        lambda: Retry("soon"),  # type: ignore[arg-type]
    ],
)
def test_a_verdict_that_says_nothing_is_a_failure_like_another(
    on: Stage, verdict: Callable[[], Exception]
) -> None:
    """It neither ends the consumer nor keeps the message from the others."""
    queue = on.open(max_attempts=2)
    queue.send_many(["bad", "good"])

    def handle(message: Message) -> None:
        if message.body == "bad":
            raise verdict()

    report = queue.consume(handle, idle_timeout=0.3)
    assert (report.handled, report.retried, report.dead) == (1, 1, 1)
    assert queue.stats().total == 0


def test_an_error_that_cannot_tell_what_it_is_ends_no_consumer(on: Stage) -> None:
    """Its name is in the letter."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    queue = on.open(max_attempts=1)
    queue.send_many(["mute", "good"])

    def handle(message: Message) -> None:
        if message.body == "mute":
            raise Mute

    report = queue.consume(handle, idle_timeout=0.3)
    assert (report.handled, report.dead) == (1, 1)
    assert queue.dead_letters is not None
    (letter,) = queue.dead_letters.receive()
    assert letter.attributes["dead-letter-error"] == "Mute"


def test_a_reason_is_text(on: Stage) -> None:
    """And the message stays with who has it."""
    queue = on.open()
    queue.send("x")
    (message,) = queue.receive()
    with pytest.raises(InvalidType, match="reason of a dead letter is text, not ValueError"):
        message.dead_letter(ValueError("x"))  # type: ignore[arg-type]
    assert message.ack()


def test_a_handler_that_would_end_the_process_says_so_in_the_letter(on: Stage) -> None:
    """`sys.exit` is a failure like another, for the last attempt, too."""
    queue = on.open(max_attempts=2)
    queue.send("x")

    def handle(message: Message) -> None:
        sys.exit("no such file")

    report = queue.consume(handle, idle_timeout=0.3)
    assert (report.retried, report.dead, report.errors) == (1, 1, {"SystemExit": 2})
    assert queue.dead_letters is not None
    (letter,) = queue.dead_letters.receive()
    assert letter.attributes["dead-letter-error"] == "SystemExit: no such file"


def test_a_handler_that_raises_after_it_settled_is_counted(on: Stage) -> None:
    """What became of the message stays so."""
    queue = on.open()
    queue.send_many(["ack", "nack"])

    def handle(message: Message) -> None:
        if message.body == "ack":
            message.ack()
            raise ValueError("afterwards")
        message.nack(60)
        message.ack()

    report = queue.consume(handle, max_messages=2)
    assert (report.handled, report.retried) == (1, 1)
    assert report.errors == {"ValueError": 1, "InvalidArgument": 1}
