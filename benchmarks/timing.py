"""Rounds of all peers in turn, so that a noisy machine is unfair to nobody."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version

from benchmarks.processors import client_seconds, server_seconds

Work = Callable[[], object]
Call = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Row:
    """What one piece of work took each peer.

    Attributes:
        name: Of the work.
        unit: Of the rates, such as ``"objects/s"``.
        amount: Units of work in one round.
        seconds: Every round's time, by peer.
        client: Every round's processor time of this process and its commands, by peer.
        server: That of the servers that this process started.
    """

    name: str
    unit: str
    amount: float
    seconds: Mapping[str, list[float]]
    client: Mapping[str, list[float]]
    server: Mapping[str, list[float]] = field(default_factory=dict)

    def rate(self, peer: str) -> float:
        """The median rate."""
        return self.amount / statistics.median(self.seconds[peer])

    def microseconds(self, taken: Mapping[str, list[float]], peer: str) -> float:
        """The median processor time of one unit of work."""
        return 1e6 * statistics.median(taken[peer]) / self.amount

    def ratio(self, peer: str, base: str) -> float:
        """How many times faster *peer* is: the median of the rounds, each with its neighbour."""
        pairs = zip(self.seconds[base], self.seconds[peer], strict=True)
        return statistics.median(theirs / ours for theirs, ours in pairs)


def measure(
    name: str,
    unit: str,
    amount: float,
    peers: Mapping[str, Work],
    rounds: int,
    *,
    tidy: Work = lambda: None,
) -> Row:
    """Run every peer once for nothing, then *rounds* times in turn.

    Args:
        tidy: Called after each piece of work; its time doesn't count.
    """
    seconds: dict[str, list[float]] = {peer: [] for peer in peers}
    client: dict[str, list[float]] = {peer: [] for peer in peers}
    server: dict[str, list[float]] = {peer: [] for peer in peers}
    for number in range(rounds + 1):
        order = list(peers.items())
        for peer, work in order if number % 2 else reversed(order):
            before, begin = (client_seconds(), server_seconds()), time.perf_counter()
            work()
            taken, after = time.perf_counter() - begin, (client_seconds(), server_seconds())
            tidy()
            if number:
                seconds[peer].append(taken)
                client[peer].append(after[0] - before[0])
                server[peer].append(after[1] - before[1])
    row = Row(name, unit, amount, seconds, client, server)
    rates = ", ".join(f"{peer} {row.rate(peer):,.0f}" for peer in peers)
    print(f"  {name}: {rates} {unit}", file=sys.stderr, flush=True)
    return row


def many(call: Call, times: int, *, threads: int = 1) -> Work:
    """*call* with each number below *times*, in so many threads."""

    def work() -> None:
        if threads == 1:
            for number in range(times):
                call(number)
            return
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(call, range(times)):
                pass

    return work


def as_table(title: str, rows: Sequence[Row], ours: str, bases: Sequence[str]) -> str:
    """A Markdown table of median rates, and of our ratio to each of *bases*."""
    peers = list(dict.fromkeys(peer for row in rows for peer in row.seconds))
    titles = ["work", "unit", *peers, *(f"{ours} / {base}" for base in bases)]
    lines = [
        f"### {title}",
        "",
        f"| {' | '.join(titles)} |",
        f"|---|---|{'---:|' * (len(peers) + len(bases))}",
    ]
    for row in rows:
        rates = [f"{row.rate(peer):,.0f}" if peer in row.seconds else "–" for peer in peers]
        ratios = [f"{row.ratio(ours, base):.2f}" if base in row.seconds else "–" for base in bases]
        lines.append(f"| {' | '.join([row.name, row.unit, *rates, *ratios])} |")
    return "\n".join(lines) + "\n"


def processor_table(rows: Sequence[Row]) -> str:
    """A Markdown table of the client's and the server's processor time for one unit of work."""
    peers = list(dict.fromkeys(peer for row in rows for peer in row.seconds))
    lines = [
        f"| µs of processor time, client + server | {' | '.join(peers)} |",
        f"|---|{'---:|' * len(peers)}",
    ]
    for row in rows:
        taken = (
            f"{row.microseconds(row.client, peer):,.0f} + {row.microseconds(row.server, peer):,.0f}"
            if peer in row.seconds
            else "–"
            for peer in peers
        )
        unit = row.unit.removesuffix("/s").removesuffix("s")
        lines.append(f"| {row.name}, a {unit} | {' | '.join(taken)} |")
    return "\n".join(lines) + "\n"


def machine(*packages: str) -> str:
    """One line on what it ran on."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.release().split('-')[0]}, "
        f"Python {platform.python_version()}; {versions}"
    )
