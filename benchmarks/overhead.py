"""What portable adds to a call of obstore's, one at a time on one SeaweedFS."""

from __future__ import annotations

import os
import statistics
import time
import zlib

import obstore

from benchmarks.peers import Peers, at_seaweedfs
from benchmarks.timing import Call

OBJECT_BYTES = 16 * 1024
CALLS = 1000  # of each, in a round
WARM_UP = 100


def run(rounds: int) -> str:
    """A Markdown table."""
    lines = [
        "### What portable adds to obstore, 16 KiB, one call at a time",
        "",
        "| call | obstore, µs | portable, µs | more, µs |",
        "|---|---:|---:|---:|",
    ]
    with at_seaweedfs() as peers:
        for name, ours, theirs in _pairs(peers):
            their_us, our_us, more_us = _compare(ours, theirs, rounds)
            lines.append(f"| {name} | {their_us:.0f} | {our_us:.0f} | {more_us:.0f} |")
    return "\n".join(lines) + "\n"


def _pairs(peers: Peers) -> list[tuple[str, Call, Call]]:
    bucket, data = peers.bucket(), os.urandom(OBJECT_BYTES)
    plain, checked = peers.obstore(), peers.obstore(checksum_algorithm="SHA256")
    attributes = {
        "Content-Type": "application/octet-stream",
        "portable": "1.0123456789abcdef.01234567",
    }
    bucket.put("get", data)

    def get_checked(_: int) -> None:
        """What `get` finds out: whether these are the bytes that were written."""
        answer = obstore.get(plain, "get")
        stored = answer.attributes["portable"]
        _revision = answer.meta["e_tag"]
        if zlib.crc32(answer.bytes().to_bytes()) != int(stored[-8:], 16):
            raise ValueError(stored)

    def put(number: int) -> None:
        bucket.put(f"put/{number % CALLS}", data)

    return [
        ("get; obstore with the same check", lambda _: bucket.get("get"), get_checked),
        (
            "get; obstore as it comes, without it",
            lambda _: bucket.get("get"),
            lambda _: obstore.get(plain, "get").bytes().to_bytes(),
        ),
        (
            "put; obstore with the same digest and metadata",
            put,
            lambda i: obstore.put(checked, f"same/{i % CALLS}", data, attributes=attributes),
        ),
        (
            "put; obstore as it comes, without either",
            put,
            lambda i: obstore.put(plain, f"bare/{i % CALLS}", data),
        ),
    ]


def _compare(ours: Call, theirs: Call, rounds: int) -> tuple[float, float, float]:
    """Medians in µs: theirs, ours, and of the rounds' differences."""
    found = [
        _round(ours, theirs, WARM_UP if number == 0 else CALLS) for number in range(rounds + 1)
    ]
    mine, others = zip(*found[1:], strict=True)
    more = statistics.median(our - their for our, their in found[1:])
    return statistics.median(others), statistics.median(mine), more


def _round(ours: Call, theirs: Call, calls: int) -> tuple[float, float]:
    """Calls in turn, first one first and then the other, at the same server; medians in µs."""
    taken: tuple[list[float], list[float]] = ([], [])
    both = list(zip(taken, (ours, theirs), strict=True))
    for number in range(calls):
        for seconds, call in both if number % 2 else reversed(both):
            begin = time.perf_counter()
            call(number)
            seconds.append(time.perf_counter() - begin)
    return 1e6 * statistics.median(taken[0]), 1e6 * statistics.median(taken[1])
