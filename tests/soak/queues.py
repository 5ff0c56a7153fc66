"""Send messages, kill consumers at random, and see that nothing was lost.

For any queue that has a URL: `run` one, and `assert` what its report says.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import portable
from portable.queue import Queue

CONSUMERS = 4
BATCH = 100
POLL_SECONDS = 0.02
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is done to a queue.

    Attributes:
        url: With a question mark in it. Its 'max_attempts' must be high, since each kill is one
            attempt for what the consumer held: see `patient`.
        environment: What the consumers' processes get beside this one's.
        kill_every: Seconds between kills, on average.
        lease: Seconds; how long a killed consumer's messages are out of reach.
        work: Seconds that a message takes, on average.
        nacked: The part of the messages that is handed back.
        patience: Seconds without progress, after which messages count as stuck.
    """

    url: str
    environment: Mapping[str, str] = field(default_factory=dict)
    messages: int = 20_000
    kill_every: float = 1.0
    lease: float = 3.0
    work: float = 0.004
    nacked: float = 0.02
    patience: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What happened.

    Attributes:
        lost: Sent, and never handled.
        stuck: Still in the queue when nothing moved any more; `None` where it can't be counted.
        handled_again: How often a message was handled that had been before.
        overlaps: How often a message was handed out while somebody held its lease.
        errors: What consumers died of, but for the kills.
    """

    sent: int
    handled: int
    lost: int
    stuck: int | None
    handled_again: int
    overlaps: int
    kills: int
    seconds: float
    errors: list[str]


def patient(url: str) -> str:
    """The same queue, whose messages never go to the dead letters."""
    return f"{url}&max_attempts=1000"


def run(plan: Plan, folder: Path) -> Report:
    """Send, consume and kill, until every message was handled or nothing moves any more."""
    ledger = folder / "ledger"
    ledger.touch()
    begin = time.monotonic()
    with closing(portable.open_queue(plan.url)) as queue:
        queue.create()
        consumers = [_consumer(plan, ledger) for _ in range(CONSUMERS)]
        try:
            kills = _fire(plan, queue, ledger, consumers)
        finally:
            for consumer in consumers:
                consumer.kill()
            for consumer in consumers:
                consumer.wait()
        seconds = time.monotonic() - begin
        stuck = _left(queue)
    return judged(plan, ledger, kills=kills, seconds=seconds, stuck=stuck)


def _consumer(plan: Plan, ledger: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.soak.worker", plan.url, str(ledger)]
    return subprocess.Popen(
        [*command, str(plan.lease), str(plan.work), str(plan.nacked)],
        cwd=ROOT,
        env={**os.environ, **plan.environment},
    )


def _fire(plan: Plan, queue: Queue, ledger: Path, consumers: list[subprocess.Popen[bytes]]) -> int:
    """Send all messages, and kill a consumer now and then; return how many were killed."""
    kills = sent = 0
    progress = (0, 0)
    size_at_kill = 0
    moved = time.monotonic()
    next_kill = moved + plan.kill_every
    while True:
        if sent < plan.messages:
            batch = range(sent, min(sent + BATCH, plan.messages))
            queue.send_many(list(batch))
            sent = batch.stop
        else:
            time.sleep(POLL_SECONDS)
        now = time.monotonic()
        if now >= next_kill and progress[1] > size_at_kill:  # who never works is never caught at it
            size_at_kill = progress[1]
            next_kill = now + random.uniform(0.5, 1.5) * plan.kill_every
            victim = random.randrange(len(consumers))
            if consumers[victim].poll() is None:
                consumers[victim].send_signal(signal.SIGKILL)
                kills += 1
            consumers[victim].wait()
            consumers[victim] = _consumer(plan, ledger)
        if (sent, ledger.stat().st_size) != progress:
            progress, moved = (sent, ledger.stat().st_size), now
        quiet = now - moved
        over = sent == plan.messages and quiet > 1
        if over and (quiet > plan.patience or _left(queue) == 0):
            return kills


def _left(queue: Queue) -> int | None:
    return queue.stats().total


def judged(plan: Plan, ledger: Path, *, kills: int, seconds: float, stuck: int | None) -> Report:
    handled: Counter[int] = Counter()
    held: dict[str, dict[tuple[str, float], float]] = defaultdict(dict)
    latest: dict[tuple[str, str], tuple[str, float]] = {}
    errors = []
    for line in ledger.read_text(encoding="utf-8").splitlines():
        word, *rest, process = line.split(" ")
        if word == "got":
            identity, _, got, until = rest
            latest[identity, process] = lease = (process, float(got))
            held[identity][lease] = float(until)
        elif word == "done":
            handled[int(rest[1])] += 1
        elif word in ("acked", "back"):
            # Its holder's lease ended no later than it began to give it up. Somebody else may
            # have written that they got it before this was written.
            lease = latest[rest[0], process]
            held[rest[0]][lease] = min(held[rest[0]][lease], float(rest[2]))
        else:
            errors.append(line)
    return Report(
        sent=plan.messages,
        handled=len(handled),
        lost=len(set(range(plan.messages)) - set(handled)),
        stuck=stuck,
        handled_again=sum(handled.values()) - len(handled),
        overlaps=sum(_overlaps(leases) for leases in held.values()),
        kills=kills,
        seconds=round(seconds, 1),
        errors=errors,
    )


def _overlaps(leases: dict[tuple[str, float], float]) -> int:
    """How often a lease began, for certain, before the one before had ended, for certain.

    A lease can be over before its holder, that slept or waited for its turn, writes that it began.
    """
    spans = sorted((got, until) for (_, got), until in leases.items() if got < until)
    return sum(late[0] < early[1] for early, late in pairwise(spans))
