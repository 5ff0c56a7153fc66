"""What portable adds to a call of obstore's, one at a time: on one SeaweedFS, and with no wait."""

from __future__ import annotations

import os
import statistics
import time
import zlib
from functools import partial
from typing import Any

import obstore
from obstore.store import MemoryStore, ObjectStore

from benchmarks.peers import BUCKET, at_seaweedfs
from benchmarks.timing import Call
from portable.storage.bucket import Bucket
from portable_aws.fast import S3Dialect, S3FastDriver
from portable_aws.settings import S3Settings
from portable_aws.storage import S3Storage

OBJECT_BYTES = 16 * 1024
CALLS = 1000  # of each, in a round
WARM_UP = 100


def run(rounds: int) -> str:
    """A Markdown table."""
    lines = [
        "### What portable adds to obstore, 16 KiB, one call at a time",
        "",
        "| server | call | obstore, µs | portable, µs | more, µs |",
        "|---|---|---:|---:|---:|",
    ]
    with at_seaweedfs() as peers:
        checked = peers.obstore(checksum_algorithm="SHA256")
        pairs = [("SeaweedFS", *pair) for pair in _pairs(peers.bucket(), peers.obstore(), checked)]
        pairs += [("memory", *pair) for pair in _in_memory()]
        for server, name, ours, theirs in pairs:
            found = _compare(ours, theirs, rounds)
            lines.append(f"| {server} | {name} | {' | '.join(f'{us:.0f}' for us in found)} |")
    return "\n".join(lines) + "\n"


class _InMemory(S3Dialect):
    """Obstore's own store in memory for the bucket: it answers at once, so nobody waits."""

    def __init__(self, settings: S3Settings) -> None:
        super().__init__(settings)
        self.store = MemoryStore()

    def open(self, _sdk: object) -> Any:
        return self.store


def _in_memory() -> list[tuple[str, Call, Call]]:
    settings = S3Settings(bucket=BUCKET)
    dialect = _InMemory(settings)
    driver = S3FastDriver(dialect, partial(S3Storage, settings), demanded=True)
    return _pairs(Bucket(lambda: driver, settings, provider="aws"), dialect.store, dialect.store)


def _pairs(
    bucket: Bucket, plain: ObjectStore, checked: ObjectStore
) -> list[tuple[str, Call, Call]]:
    data = os.urandom(OBJECT_BYTES)
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

    def put_checked(number: int) -> None:
        """What makes that possible: the bytes' digest beside them."""
        attributes = {
            "Content-Type": "application/octet-stream",
            "portable": f"1.0123456789abcdef.{zlib.crc32(data):08x}",
        }
        obstore.put(checked, f"same/{number % CALLS}", data, attributes=attributes)

    return [
        ("get; obstore with the same check", lambda _: bucket.get("get"), get_checked),
        (
            "get; obstore as it comes, without it",
            lambda _: bucket.get("get"),
            lambda _: obstore.get(plain, "get").bytes().to_bytes(),
        ),
        ("put; obstore with the same digests and metadata", put, put_checked),
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
