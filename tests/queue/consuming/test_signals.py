"""Signals that a consumer hears."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable

import pytest

from portable.queue import Message, Queue
from tests.queue.faulty import Stage


def in_background(call: Callable[[], object]) -> threading.Thread:
    """Start a thread."""
    thread = threading.Thread(target=call)
    thread.start()
    return thread


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
