"""A listing of 100,000 keys."""

from __future__ import annotations

from collections.abc import Callable, Sized
from concurrent.futures import ThreadPoolExecutor

import obstore

from benchmarks.peers import BUCKET, Peers, at_seaweedfs
from benchmarks.timing import Row, Work, measure

KEYS = 100_000
PREFIX = "keys"
THREADS = 16


def run(rounds: int) -> list[Row]:
    """All rows; the server is started and stopped here."""
    with at_seaweedfs() as peers:
        store = peers.obstore()
        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(lambda i: obstore.put(store, f"{PREFIX}/{i:06}", b""), range(KEYS)):
                pass
        return [_row(peers, rounds)]


def _row(peers: Peers, rounds: int) -> Row:
    bucket, store, sdk, files = peers.bucket(), peers.obstore(), peers.boto3, peers.s3fs
    place = f"{PREFIX}/"

    def pages() -> list[object]:
        paginator = sdk.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=place)
        return [entry for page in paginator for entry in page["Contents"]]

    def counted(listing: Callable[[], Sized]) -> Work:
        def work() -> None:
            found = len(listing())
            assert found == KEYS, found

        return work

    works: dict[str, Work] = {
        "portable": counted(lambda: list(bucket.list(place))),
        "boto3": counted(pages),
        "s3fs": counted(lambda: files.find(f"{BUCKET}/{place}", detail=True)),
        "obstore": counted(
            lambda: [entry for page in obstore.list(store, place) for entry in page]
        ),
        "s5cmd": lambda: peers.run(peers.s5cmd_list(place)),
        "rclone": lambda: peers.run(peers.rclone_list(place)),
    }
    return measure(f"list {KEYS:,} keys", "keys/s", KEYS, works, rounds)
