"""`consume`: what it does when handlers, drivers and people do what they shouldn't."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from portable.errors import (
    InvalidArgument,
    InvalidType,
    PermissionDenied,
    QueueNotFound,
    Throttled,
    Unavailable,
)
from portable.queue import DeadLetter, Message, Queue, QueueEvent, Retry
from portable.queue.consuming import consumer
from tests.queue.faulty import Stage, lost_answer, refused, stage


@pytest.fixture
def on() -> Stage:
    """A queue by a real clock that can be moved, too."""
    return stage(frozen=False)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures aren't waited for."""
    monkeypatch.setattr(consumer, "BACKOFF_SECONDS", 0.0)
    monkeypatch.setattr(consumer, "FIRST_PAUSE_SECONDS", 0.05)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    until = time.monotonic() + 5
    while time.monotonic() < until:
        left = [t.name for t in threading.enumerate() if t.name.startswith("portable-")]
        if not left:
            return
        time.sleep(0.02)
    pytest.fail(f"threads are left: {left}")


def in_background(call: Callable[[], object]) -> threading.Thread:
    """Start a thread."""
    thread = threading.Thread(target=call)
    thread.start()
    return thread


def test_no_message_is_taken_without_a_worker(on: Stage) -> None:
    """Others may have those that wait."""
    queue = on.open()
    queue.send_many(range(6))
    release, most = threading.Event(), []

    def handle(message: Message) -> None:
        most.append(queue.stats().leased)
        release.wait(0.1)

    report = queue.consume(handle, concurrency=2, max_messages=6)
    assert report.handled == 6
    assert max(n or 0 for n in most) <= 4  # two whose acks are under way
    assert max(on.script.sizes("receive")) == 2


def test_max_messages_are_never_exceeded(on: Stage) -> None:
    """Not even by what is leased."""
    queue = on.open()
    queue.send_many(range(9))
    report = queue.consume(lambda _: None, concurrency=4, max_messages=5)
    assert (report.handled, report.stopped_by) == (5, "max_messages")
    assert (queue.stats().visible, queue.stats().leased) == (4, 0)


def test_an_empty_queue_ends_a_consumer_that_is_not_to_idle(on: Stage) -> None:
    """With 0 it takes what is there."""
    queue = on.open()
    queue.send_many(range(3))
    assert queue.consume(lambda _: None, idle_timeout=0).handled == 3
    begun = time.monotonic()
    assert queue.consume(lambda _: None, idle_timeout=0.3).stopped_by == "idle_timeout"
    assert 0.25 < time.monotonic() - begun < 3


def test_a_long_handler_is_not_idle(on: Stage) -> None:
    """The time counts from its end."""
    queue = on.open()
    queue.send("first")

    def handle(message: Message) -> None:
        if message.body == "first":
            time.sleep(0.4)
            queue.send("second", delay=0.15)

    assert queue.consume(handle, concurrency=2, idle_timeout=0.3).handled == 2


def test_acks_are_batched_under_load_and_prompt_when_idle(on: Stage) -> None:
    """Many in one request; a single one within milliseconds."""
    queue = on.open()
    queue.send_many(range(200))
    assert queue.consume(lambda _: time.sleep(0.001), concurrency=20, max_messages=200).handled
    sizes = on.script.sizes("ack")
    assert sum(sizes) == 200
    assert len(sizes) < 100
    acked: list[float] = []
    handled: list[float] = []

    def event(event: QueueEvent) -> None:
        if event.kind == "acked":
            acked.append(time.monotonic())
        if event.kind == "handled":
            handled.append(time.monotonic())

    queue.send("one")
    queue.consume(lambda _: None, concurrency=4, max_messages=1, on_event=event)
    assert acked[0] - handled[0] < 0.5


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


def test_leases_are_renewed_in_batches_and_again_after_a_failure(on: Stage) -> None:
    """Two beats may fail."""
    queue = on.open(lease=0.6, attempts=1)
    queue.send_many(range(4))
    on.script.before["extend"] = [refused(), None, refused()]
    report = queue.consume(lambda _: time.sleep(1.5), concurrency=4, max_messages=4)
    assert (report.handled, report.leases_lost) == (4, 0)
    assert max(on.script.sizes("extend")) == 4
    assert len(on.script.sizes("extend")) >= 4


def test_an_ack_and_an_extension_never_overlap(on: Stage) -> None:
    """A receipt that changes with each extension is the one that is acked."""
    queue = on.open(lease=0.3)
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


def test_an_ack_that_fails_does_not_end_the_loop(on: Stage) -> None:
    """Its message comes again."""
    queue = on.open(attempts=1, lease=0.5)
    queue.send_many(range(3))
    on.script.before["ack"] = [refused()]
    report = queue.consume(lambda _: None, idle_timeout=1.2)
    assert report.handled == 3
    assert 1 <= report.acks_failed <= 3  # as many as were in that request
    assert queue.stats().total == 0


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


def test_messages_that_arrive_while_it_stops_are_handed_back(on: Stage) -> None:
    """At once; they aren't kept until their leases end."""
    queue = on.open()
    queue.send_many(range(3))
    stop = threading.Event()
    real = queue._connection.driver.receive

    def receive(limit: int, *, wait: float, lease: float) -> Any:
        found = real(limit, wait=wait, lease=lease)
        stop.set()
        time.sleep(0.4)  # until that is noticed
        return found

    queue._connection.driver.receive = receive  # type: ignore[method-assign]
    report = queue.consume(lambda _: None, concurrency=3, stop=stop)
    assert (report.handled, report.returned, report.stopped_by) == (0, 3, "stop")
    assert (queue.stats().visible, queue.stats().leased) == (3, 0)


def test_a_stop_ends_a_long_wait(on: Stage) -> None:
    """Nobody waits for a server that waits."""
    queue = on.open()
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    begun = time.monotonic()
    assert queue.consume(lambda _: None, stop=stop).stopped_by == "stop"
    assert time.monotonic() - begun < 2


def test_leases_beat_while_it_drains(on: Stage) -> None:
    """A handler that needs its time to end keeps its message."""
    queue = on.open(lease=0.3)
    queue.send("x")
    stop = threading.Event()

    def handle(message: Message) -> None:
        stop.set()
        time.sleep(1.2)
        assert not message.lease_lost

    report = queue.consume(handle, stop=stop, drain=10)
    assert (report.handled, report.errors) == (1, {})


def test_coroutines_are_cancelled_when_the_time_is_over(on: Stage) -> None:
    """And their messages are handed back."""
    queue = on.open()
    queue.send_many(range(3))
    stop = threading.Event()
    cancelled: list[object] = []

    async def handle(message: Message) -> None:
        stop.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.append(message.body)
            raise

    report = queue.consume(handle, concurrency=3, stop=stop, drain=0.2)
    assert report.returned == 3
    assert sorted(cancelled) == [0, 1, 2]  # type: ignore[type-var]
    assert queue.stats().visible == 3


def test_coroutines_fail_and_retry_like_functions(on: Stage) -> None:
    """With large bodies, too."""
    queue = on.open(max_attempts=2)
    queue.send_many(["fails", "dead", b"\xff" * 1_100_000])

    async def handle(message: Message) -> None:
        if message.body == "fails":
            raise ValueError
        if message.body == "dead":
            raise DeadLetter("why")
        assert len(message.body) == 1_100_000

    report = queue.consume(handle, concurrency=2, idle_timeout=0.5)
    assert (report.handled, report.retried, report.dead) == (1, 1, 2)
    assert on.payload_keys() == []


def test_a_function_that_returns_a_coroutine_is_refused(on: Stage) -> None:
    """It would be acked without having run."""
    queue = on.open()
    queue.send("x")

    async def work() -> None:
        """Never runs."""

    with pytest.raises(InvalidType, match="async def"):
        queue.consume(lambda _: work())
    assert queue.stats().visible == 1


def test_handlers_see_the_context_of_the_caller(on: Stage) -> None:
    """The active profile is part of it."""
    queue = on.open()
    queue.send_many([1, 2])
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")
    variable.set("caller")
    seen: list[str] = []
    queue.consume(lambda _: seen.append(variable.get()), max_messages=1)

    async def handle(_: Message) -> None:
        seen.append(variable.get())

    queue.consume(handle, max_messages=1)
    assert seen == ["caller"] * 2


def test_a_hook_that_raises_disturbs_nothing(on: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged."""
    queue = on.open()

    def hook(event: QueueEvent) -> None:
        raise RuntimeError("metrics are down")

    queue.on_event = hook
    queue.send("x")
    assert queue.consume(lambda _: None, max_messages=1).handled == 1
    assert "metrics are down" in caplog.text


def test_a_hook_hears_what_a_queue_does(on: Stage) -> None:
    """Without a consumer, too."""
    queue = on.open()
    events: list[QueueEvent] = []
    queue.on_event = events.append
    queue.send("a")
    queue.send_many(["b", "c"])
    one, two, three = queue.receive(3)
    one.ack()
    two.nack()
    three.dead_letter("x")
    assert [(event.kind, event.count) for event in events] == [
        ("sent", 1),
        ("sent", 2),
        ("received", 3),
        ("acked", 1),
        ("retried", 1),
        ("dead", 1),
    ]
    assert {event.queue for event in events} == {queue.name}


@pytest.mark.parametrize(
    "wrong",
    [
        {"concurrency": 0},
        {"concurrency": "2"},
        {"max_messages": 0},
        {"idle_timeout": -1},
        {"lease": 0},
        {"drain": float("nan")},
    ],
)
def test_impossible_arguments_are_refused(on: Stage, wrong: dict[str, Any]) -> None:
    """Before anything is received."""
    with pytest.raises((InvalidArgument, InvalidType), match=next(iter(wrong))):
        on.open().consume(lambda _: None, **wrong)
    with pytest.raises(InvalidType, match="handler"):
        on.open().consume("print")  # type: ignore[arg-type]
    assert on.script.calls == []


def test_a_lease_beyond_the_providers_is_kept_by_renewing(on: Stage) -> None:
    """As long as the handler runs."""
    on.script.capabilities = {"lease_max": 0.4}
    queue = on.open(lease=3600)
    queue.send("x")
    report = queue.consume(lambda _: time.sleep(1), max_messages=1)
    assert (report.handled, report.leases_lost) == (1, 0)


def test_signals_outside_the_main_thread_are_left_alone(on: Stage) -> None:
    """A library that consumes in a thread must not take them."""
    queue: Queue = on.open()
    queue.send("x")
    before = signal.getsignal(signal.SIGTERM)
    seen: list[object] = []

    def handle(_: Message) -> None:
        seen.append(signal.getsignal(signal.SIGTERM))

    in_background(lambda: queue.consume(handle, max_messages=1)).join()
    assert seen == [before]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_the_handlers_are_back(on: Stage, number: signal.Signals) -> None:
    """Whoever is at work ends in time; the rest stays."""
    queue = on.open()
    queue.send_many(range(3))
    killed: list[object] = []

    def ours(_number: int, _frame: object) -> None:
        raise AssertionError("the consumer didn't hear it")

    def handle(_: Message) -> None:
        if not killed:
            os.kill(os.getpid(), number)
        killed.append(number)
        time.sleep(0.3)

    before = signal.signal(number, ours)  # a shell may have started the tests with it ignored
    try:
        report = queue.consume(handle)
        assert signal.getsignal(number) is ours
    finally:
        signal.signal(number, before)
    assert (report.handled, report.stopped_by) == (1, "signal")
    assert (queue.stats().visible, queue.stats().leased) == (2, 0)


def test_an_ignored_signal_stays_ignored(on: Stage) -> None:
    """As in what a shell starts in the background."""
    queue = on.open()
    queue.send_many(range(2))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        report = queue.consume(lambda _: os.kill(os.getpid(), signal.SIGINT), max_messages=2)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (report.handled, report.stopped_by) == (2, "max_messages")


SCRIPT = """
    import os, signal, sys, threading, time
    import portable
    signal.signal(signal.SIGINT, signal.default_int_handler)
    queue = portable.open_queue("memory://jobs")
    queue.send("x")
    begun = threading.Event()

    def kill():
        begun.wait()
        os.kill(os.getpid(), signal.{first})
        while signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.{second})

    def handle(message):
        begun.set()
        time.sleep(60)

    threading.Thread(target=kill, daemon=True).start()
    signal.pthread_sigmask(signal.SIG_BLOCK, {blocked})
    try:
        queue.consume(handle, drain=50)
    except KeyboardInterrupt:
        print("interrupted", queue.stats().visible)
"""


@pytest.mark.parametrize("blocked", ["()", "(signal.SIGTERM, signal.SIGINT)"])
@pytest.mark.parametrize(
    ("first", "second", "code", "says"),
    [
        ("SIGINT", "SIGINT", 0, "interrupted 1"),
        ("SIGTERM", "SIGINT", 0, "interrupted 1"),
        ("SIGINT", "SIGTERM", -signal.SIGTERM, ""),
    ],
)
def test_a_second_signal_does_what_it_always_does(
    first: str, second: str, code: int, says: str, blocked: str
) -> None:
    """The message of whoever is given up is handed back where there is time for it.

    Blocked in the main thread, a signal goes to another one and doesn't end what the main thread
    waits for; one that comes just before the wait doesn't either.
    """
    program = textwrap.dedent(SCRIPT).format(first=first, second=second, blocked=blocked)
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=90, check=False
    )
    assert (run.returncode, run.stdout.strip()) == (code, says), run.stderr
