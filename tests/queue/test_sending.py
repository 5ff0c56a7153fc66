"""What the core makes of sends that fail: nothing is lost, and nothing is sent that needn't be."""

from __future__ import annotations

import pickle

import pytest

from portable.errors import (
    DeadlineExceeded,
    InvalidArgument,
    NotAllSent,
    PermissionDenied,
    QueueNotFound,
    Throttled,
    Unavailable,
)
from tests.queue.faulty import Stage, lost_answer, refused


def test_a_send_whose_answer_is_lost_is_sent_again_as_one_message(on: Stage) -> None:
    """By the same token, which a server that can keeps once."""
    queue = on.open()
    queue.create()
    on.script.after["send"] = [lost_answer(), lost_answer()]
    id = queue.send("x")
    assert on.script.sizes("send") == [1, 1, 1]
    assert [message.id for message in queue.receive(10)] == [id]


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


def test_the_deadline_is_the_calls(on: Stage) -> None:
    """Retries end with it, as everywhere."""
    queue = on.open(deadline=1.0, attempts=100)
    queue.create()
    on.script.before["send"] = [Unavailable("away", retry_after=0.6) for _ in range(100)]
    with pytest.raises(DeadlineExceeded):
        queue.send("x")
    assert len(on.script.sizes("send")) == 2
