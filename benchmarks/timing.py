"""Rounds of all peers in turn, so that a noisy machine is unfair to nobody."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Row:
    """What one piece of work took each peer.

    Attributes:
        name: Of the work.
        unit: Of the rates, such as ``"objects/s"``.
        amount: Units of work in one round.
        seconds: Every round's time, by peer.
    """

    name: str
    unit: str
    amount: float
    seconds: Mapping[str, list[float]]

    def rate(self, peer: str) -> float:
        """The median rate."""
        return self.amount / statistics.median(self.seconds[peer])

    def ratio(self, peer: str, base: str) -> float:
        """How many times faster *peer* is: the median of the rounds, each with its neighbour."""
        pairs = zip(self.seconds[base], self.seconds[peer], strict=True)
        return statistics.median(theirs / ours for theirs, ours in pairs)


def measure(name: str, unit: str, amount: float, peers: Mapping[str, Work], rounds: int) -> Row:
    """Run every peer once for nothing, then *rounds* times in turn."""
    seconds: dict[str, list[float]] = {peer: [] for peer in peers}
    for work in peers.values():
        work()
    for number in range(rounds):
        order = list(peers.items())
        for peer, work in order if number % 2 else reversed(order):
            begin = time.perf_counter()
            work()
            seconds[peer].append(time.perf_counter() - begin)
    print(f"  {name}", file=sys.stderr)
    return Row(name, unit, amount, seconds)


def as_table(title: str, rows: list[Row], ours: str, base: str) -> str:
    """A Markdown table of median rates and of our ratio to *base*."""
    peers = list(rows[0].seconds)
    lines = [
        f"### {title}",
        "",
        f"| work | unit | {' | '.join(peers)} | {ours} / {base} |",
        f"|---|---|{'---:|' * len(peers)}---:|",
    ]
    for row in rows:
        rates = " | ".join(f"{row.rate(peer):,.0f}" for peer in peers)
        lines.append(f"| {row.name} | {row.unit} | {rates} | {row.ratio(ours, base):.2f} |")
    return "\n".join(lines) + "\n"


def machine(*packages: str) -> str:
    """One line on what it ran on."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.release().split('-')[0]}, "
        f"Python {platform.python_version()}; {versions}"
    )
