"""Objects of 16 KiB, one after the other and sixteen at once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from itertools import count
from pathlib import Path

import obstore

from benchmarks.peers import BUCKET, WORKERS, Peers, at_seaweedfs, folder
from benchmarks.timing import Call, Row, Work, many, measure

OBJECT_BYTES = 16 * 1024
OBJECTS = 2000
ONE_BY_ONE = 400
GETS = "gets"


def run(rounds: int) -> list[Row]:
    """All rows; the server is started and stopped here."""
    with at_seaweedfs() as peers, folder() as place:
        source = place / "source"
        source.mkdir()
        for number in range(OBJECTS):
            (source / f"{number}").write_bytes(os.urandom(OBJECT_BYTES))
        peers.bucket().upload(source, GETS)
        return [*_one_by_one(peers, rounds), *_at_once(peers, place, rounds)]


def _one_by_one(peers: Peers, rounds: int) -> list[Row]:
    return [
        measure(
            f"{verb} 16 KiB, 1 thread",
            "objects/s",
            ONE_BY_ONE,
            {peer: many(call, ONE_BY_ONE) for peer, call in calls.items()},
            rounds,
        )
        for verb, calls in (("put", _puts(peers)), ("get", _gets(peers)))
    ]


def _at_once(peers: Peers, place: Path, rounds: int) -> list[Row]:
    def in_threads(calls: Mapping[str, Call]) -> dict[str, Work]:
        return {peer: many(call, OBJECTS, threads=WORKERS) for peer, call in calls.items()}

    commands = {"s5cmd": peers.s5cmd, "rclone": peers.rclone}
    source, target = place / "source", place / "target"
    numbers = count()

    def put(peer: str) -> Work:
        # A new prefix each time: rclone sends nothing that is there.
        return lambda: peers.run(commands[peer](f"{source}/", f"puts/{peer}/{next(numbers)}/"))

    def get(peer: str) -> Work:
        return lambda: peers.run(commands[peer](f"{GETS}/", f"{target}/"))

    def tidy() -> None:
        if target.exists():
            assert len(list(target.iterdir())) == OBJECTS
            shutil.rmtree(target)

    puts = in_threads(_puts(peers)) | {peer: put(peer) for peer in commands}
    gets = in_threads(_gets(peers)) | {peer: get(peer) for peer in commands}
    return [
        measure("put 16 KiB, 16 threads", "objects/s", OBJECTS, puts, rounds),
        measure("get 16 KiB, 16 threads", "objects/s", OBJECTS, gets, rounds, tidy=tidy),
    ]


def _puts(peers: Peers) -> dict[str, Call]:
    data = os.urandom(OBJECT_BYTES)
    bucket, store, sdk, files = peers.bucket("puts"), peers.obstore(), peers.boto3, peers.s3fs
    return {
        "portable": lambda i: bucket.put(f"portable/{i}", data),
        "boto3": lambda i: sdk.put_object(Bucket=BUCKET, Key=f"puts/boto3/{i}", Body=data),
        "s3fs": lambda i: files.pipe_file(f"{BUCKET}/puts/s3fs/{i}", data),
        "obstore": lambda i: obstore.put(store, f"puts/obstore/{i}", data),
    }


def _gets(peers: Peers) -> dict[str, Call]:
    bucket, store, sdk, files = peers.bucket(GETS), peers.obstore(), peers.boto3, peers.s3fs
    return {
        "portable": lambda i: bucket.get(f"{i}"),
        "boto3": lambda i: sdk.get_object(Bucket=BUCKET, Key=f"{GETS}/{i}")["Body"].read(),
        "s3fs": lambda i: files.cat_file(f"{BUCKET}/{GETS}/{i}"),
        "obstore": lambda i: obstore.get(store, f"{GETS}/{i}").bytes(),
    }
