"""moto's queues are safe for several clients at once, as SQS's are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from moto.sqs.models import SQSBackend

from portable.testing.servers.checking.turns import take_turns

CLIENTS = 4
MESSAGES = 80
LEASE = 600


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads that take turns far more often than they would."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.fixture
def queues() -> SQSBackend:
    class InTurns(SQSBackend):
        """Its methods, not those of all."""

    take_turns(InTurns)
    queues = InTurns("us-east-1", "123456789012")
    queues.create_queue("jobs", {})
    return queues


def at_once(work: Callable[[int], list[str]]) -> list[str]:
    """What all clients got."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        return [each for some in pool.map(work, range(CLIENTS)) for each in some]


@pytest.mark.usefixtures("hurried")
def test_a_message_goes_to_one_of_those_who_ask_at_once(queues: SQSBackend) -> None:
    sent = [queues.send_message("jobs", str(number)).id for number in range(MESSAGES)]

    def receive(_client: int) -> list[str]:
        got: list[str] = []
        while some := queues.receive_message("jobs", 3, 0, LEASE):
            got += [message.id for message in some]
        return got

    assert sorted(at_once(receive)) == sorted(sent)


@pytest.mark.usefixtures("hurried")
def test_a_message_that_is_sent_beside_a_delete_is_there(queues: SQSBackend) -> None:
    for number in range(MESSAGES):
        queues.send_message("jobs", str(number))
    held = iter(queues.receive_message("jobs", MESSAGES, 0, LEASE))

    def change(client: int) -> list[str]:
        sent = []
        for number in range(MESSAGES // CLIENTS):
            queues.delete_message("jobs", str(next(held).receipt_handle))
            sent.append(queues.send_message("jobs", f"{client} {number}").id)
        return sent

    sent = at_once(change)
    left = [message.id for message in queues.receive_message("jobs", 2 * MESSAGES, 0, LEASE)]
    assert sorted(left) == sorted(sent)


def test_a_long_poll_lets_others_send(queues: SQSBackend) -> None:
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(queues.receive_message, "jobs", 1, 20, LEASE)
        sent = queues.send_message("jobs", "here")
        assert [message.id for message in waiting.result(timeout=20)] == [sent.id]


def test_a_poll_in_vain_ends(queues: SQSBackend) -> None:
    assert queues.receive_message("jobs", 1, 0.2, LEASE) == []  # type: ignore[arg-type]
