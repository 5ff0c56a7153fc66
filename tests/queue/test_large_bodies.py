"""Bodies that are too large for the provider: in storage for as long as a message needs them."""

from __future__ import annotations

import pytest

from portable.errors import (
    ConfigError,
    IntegrityError,
    PermissionDenied,
    PortableError,
    Unavailable,
)
from portable.queue.driver import WireMessage
from tests.queue.faulty import Stage, lost_answer, take

LARGE = b"\xff" * 1_100_000


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


def test_a_pointer_that_is_too_deep_is_an_integrity_error(on: Stage) -> None:
    """Of whoever sent it; the message can be acked all the same."""
    queue = on.open()
    queue.create()
    marks = {"portable": "bytes", "portable-payload": "[" * 100_000}
    queue._connection.driver.send([WireMessage(body=b"-", attributes=marks)])
    (message,) = take(queue)
    with pytest.raises(IntegrityError, match="where its body is"):
        _ = message.body
    assert message.ack()
