"""A consumer's leases: renewed, lost, longer than the provider's."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from typing import Any

import pytest

from portable.errors import LeaseLost, PortableError, Unavailable
from portable.queue import DeadLetter, Message, arguments
from portable.queue.consuming.heartbeat import BEATS_PER_LEASE, Heartbeat
from portable.queue.consuming.renewals import AT_ONCE, Renewals
from tests.queue.faulty import Stage, refused


def test_a_lease_that_is_lost_is_told_counted_and_not_claimed(on: Stage) -> None:
    """The handler can see it; the late ack removes nothing."""
    queue = on.open(max_attempts=100)
    queue.send("x")
    seen: list[bool] = []
    events: list[str] = []

    def handle(message: Message) -> None:
        seen.append(message.lease_lost)
        if message.attempts == 1:
            on.clock.advance(31)
            seen.append(message.lease_lost)

    report = queue.consume(handle, max_messages=2, on_event=lambda event: events.append(event.kind))
    assert seen == [False, True, False]
    assert (report.handled, report.leases_lost) == (1, 1)
    assert events.count("lease_lost") == 1


def test_a_handler_that_fails_too_late_decides_nothing(on: Stage) -> None:
    """Its message is neither handed back nor buried: others have it."""
    queue = on.open(max_attempts=2)
    queue.send("x")

    def handle(message: Message) -> None:
        if message.attempts == 1:
            on.clock.advance(31)
            raise DeadLetter("late")

    report = queue.consume(handle, max_messages=2)
    assert (report.handled, report.dead, report.retried, report.leases_lost) == (1, 0, 0, 1)


def test_leases_are_renewed_in_batches_and_again_after_a_failure(on: Stage, lease: float) -> None:
    """Two beats may fail."""
    queue = on.open(lease=lease, attempts=1)
    queue.send_many(range(4))
    on.script.before["extend"] = [refused(), None, refused()]
    outlived = threading.Event()

    def handle(message: Message) -> None:
        if message.body == 0:
            on.outlive(message, lease)
            outlived.set()
        assert outlived.wait(30)

    report = queue.consume(handle, concurrency=4, max_messages=4)
    assert (report.handled, report.leases_lost) == (4, 0)
    assert max(on.script.sizes("extend")) == 4
    assert len(on.script.sizes("extend")) >= 4


def test_an_ack_and_an_extension_never_overlap(on: Stage, lease: float) -> None:
    """A receipt that changes with each extension is the one that is acked."""
    queue = on.open(lease=lease)
    queue.send_many(range(20))
    known: dict[str, int] = {}
    driver = queue._connection.driver
    send_ack, send_extend = driver.inner.ack, driver.inner.extend  # type: ignore[attr-defined]
    lock = threading.Lock()

    def extend(receipts: list[str], lease: float) -> list[Any]:
        answers = []
        for receipt in receipts:
            plain, _, version = receipt.partition("#")
            with lock:
                assert known.setdefault(plain, 0) == int(version or 0), "an old receipt"
                known[plain] += 1
            time.sleep(0.005)
            answers.append(f"{plain}#{known[plain]}")
            send_extend([plain], lease)
        return answers

    def ack(receipts: list[str]) -> list[Any]:
        for receipt in receipts:
            plain, _, version = receipt.partition("#")
            with lock:
                assert known.get(plain, 0) == int(version or 0), "an old receipt"
        return list(send_ack([receipt.partition("#")[0] for receipt in receipts]))

    driver.inner.extend, driver.inner.ack = extend, ack  # type: ignore[attr-defined]
    report = queue.consume(lambda _: time.sleep(0.25), concurrency=10, max_messages=20)
    assert (report.handled, report.leases_lost, report.acks_failed) == (20, 0, 0)


def test_a_lease_beyond_the_providers_is_kept_by_renewing(on: Stage, lease: float) -> None:
    """As long as the handler runs."""
    on.script.capabilities = {"lease_max": lease}
    queue = on.open(lease=3600)
    queue.send("x")
    report = queue.consume(lambda message: on.outlive(message, lease), max_messages=1)
    assert (report.handled, report.leases_lost) == (1, 0)


def test_a_lease_too_short_to_be_renewed_is_a_longer_one(
    on: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its renewals would be as many as there can be."""
    assert arguments.RENEWED_MIN / BEATS_PER_LEASE > 0.03
    monkeypatch.setattr(arguments, "RENEWED_MIN", 30.0)
    queue = on.open()
    queue.send("x")
    report = queue.consume(lambda _: time.sleep(0.1), max_messages=1, lease=0.001)
    assert (report.handled, report.leases_lost) == (1, 0)
    assert len(on.script.sizes("extend")) < 3


def test_a_beat_that_took_long_is_followed_at_once(
    on: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its requests may have failed, and the leases have little time left."""
    begun: list[float] = []

    def beat(_: Heartbeat) -> None:
        begun.append(time.monotonic())
        time.sleep(0.4)

    monkeypatch.setattr(Heartbeat, "beat", beat)
    heartbeat = Heartbeat(on.open()._connection, lease=1.2)
    heartbeat.start()
    until = time.monotonic() + 20
    while len(begun) < 4 and time.monotonic() < until:
        time.sleep(0.05)
    heartbeat.stop()
    assert min(late - early for early, late in pairwise(begun)) < 0.6


def test_a_renewal_that_hangs_is_asked_for_again_while_the_lease_lasts(
    on: Stage, lease: float
) -> None:
    """Its connection may not tell for half a minute that nobody answers."""
    queue = on.open(lease=lease)
    queue.send("x")
    driver = queue._connection.driver
    extend = driver.inner.extend  # type: ignore[attr-defined]
    hanging, renewed, over = threading.Event(), threading.Event(), threading.Event()

    def hangs_once(receipts: list[str], lease: float) -> Any:
        if not hanging.is_set():
            hanging.set()
            over.wait(60)
        answers = extend(receipts, lease)
        renewed.set()
        return answers

    seen: list[bool] = []

    def handle(_: Message) -> None:
        seen.append(renewed.wait(20))

    driver.inner.extend = hangs_once  # type: ignore[attr-defined]
    report = queue.consume(handle, max_messages=1)
    assert hanging.is_set()
    assert not over.is_set(), "the one that hangs isn't waited for"
    over.set()
    assert (seen, report.handled, report.leases_lost) == ([True], 1, 0)


class TestRenewals:
    """Requests that may hang, without a queue."""

    def test_an_answer_that_comes_late_still_counts(self) -> None:
        """Where each extension changes the receipt, nobody else has the new one."""
        asked: list[int] = []
        refused = threading.Event()

        def extend() -> list[str | PortableError]:
            asked.append(1)
            if len(asked) > 1:
                refused.set()
                return [LeaseLost("the receipt has changed")]
            refused.wait(10)
            time.sleep(0.1)
            return ["new"]

        assert Renewals(0.02).ask(extend, 20.0) == ["new"]
        assert len(asked) > 1

    def test_a_lease_that_is_lost_is_told_at_once(self) -> None:
        """Where no other request is under way that could say better."""
        begun = time.monotonic()
        (answer,) = Renewals(30.0).ask(lambda: [LeaseLost("gone")], 30.0)
        assert isinstance(answer, LeaseLost)
        assert time.monotonic() - begun < 10

    def test_a_lease_that_is_lost_costs_no_other(self) -> None:
        """The others' answers count at once, and not when the first request ends."""
        asked: list[int] = []
        over = threading.Event()

        def extend() -> list[str | PortableError]:
            asked.append(1)
            if len(asked) == 1:
                over.wait(20)
            return ["one", LeaseLost("gone"), "two"]

        one, lost, two = Renewals(0.02).ask(extend, 20.0)
        assert not over.is_set()
        over.set()
        assert (one, two) == ("one", "two")
        assert isinstance(lost, LeaseLost)

    def test_what_a_request_raises_is_raised(self) -> None:
        with pytest.raises(Unavailable, match="no connection"):
            Renewals(30.0).ask(_refuse, 30.0)

    def test_where_all_hang_it_may_have_been_done_and_no_more_are_begun(self) -> None:
        """Each holds a connection and a thread; when one ends, there is room again."""
        over, hanging = threading.Event(), []

        def hangs() -> list[str | PortableError]:
            hanging.append(1)
            over.wait(20)
            return ["late"]

        renewals = Renewals(0.01)
        with pytest.raises(Unavailable) as caught:
            renewals.ask(hangs, 0.1)
        assert caught.value.ambiguous
        assert not caught.value.retryable
        while len(hanging) < AT_ONCE:
            with pytest.raises(Unavailable):
                renewals.ask(hangs, 0.1)
        with pytest.raises(Unavailable):
            renewals.ask(hangs, 0.1)
        assert len(hanging) == AT_ONCE
        over.set()
        assert renewals.ask(lambda: ["new"], 20.0) == ["new"]


def _refuse() -> list[str | PortableError]:
    raise refused()
