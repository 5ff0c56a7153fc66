"""One object of 256 MiB."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path
from typing import Any

import obstore

from benchmarks import bare
from benchmarks.peers import BUCKET, Peers, at_seaweedfs, folder
from benchmarks.timing import Row, Work, measure

OBJECT_BYTES = 256 * 1024**2
KEY = "gets/large"
PART_BYTES = 8 * 1024**2
CONNECTIONS = 4  # of the bare sockets; two are slower here, eight aren't faster


def run(rounds: int) -> list[Row]:
    """All rows; the server is started and stopped here."""
    with at_seaweedfs() as peers, folder() as place:
        data = os.urandom(OBJECT_BYTES)
        (place / "source").write_bytes(data)
        return [_put(peers, place / "source", data, rounds), *_get(peers, place, rounds)]


def _put(peers: Peers, source: Path, data: bytes, rounds: int) -> Row:
    bucket, store, sdk, files = peers.bucket("puts"), peers.obstore(), peers.boto3, peers.s3fs

    def by_rclone() -> None:
        sdk.delete_object(Bucket=BUCKET, Key="puts/rclone")  # it sends nothing that is there
        peers.run(peers.rclone(f"{source}", "puts/rclone"))

    works: dict[str, Work] = {
        "portable": lambda: bucket.put("portable", data),
        "boto3": lambda: sdk.upload_fileobj(io.BytesIO(data), BUCKET, "puts/boto3"),
        "s3fs": lambda: files.pipe_file(f"{BUCKET}/puts/s3fs", data),
        "obstore": lambda: obstore.put(store, "puts/obstore", data),
        "s5cmd": lambda: peers.run(peers.s5cmd(f"{source}", "puts/s5cmd")),
        "rclone": by_rclone,
        "sockets": lambda: _put_by_sockets(sdk, memoryview(data)),
    }
    return measure("put 256 MiB (boto3: upload_fileobj)", "MiB/s", 256, works, rounds)


def _put_by_sockets(sdk: Any, data: memoryview) -> None:
    """In parts, neither signed nor checked."""
    place = {"Bucket": BUCKET, "Key": "puts/sockets"}
    place["UploadId"] = sdk.create_multipart_upload(**place)["UploadId"]
    parts = [data[start : start + PART_BYTES] for start in range(0, len(data), PART_BYTES)]
    urls = [
        sdk.generate_presigned_url("upload_part", Params={**place, "PartNumber": number})
        for number in range(1, len(parts) + 1)
    ]
    bare.send(urls, parts, connections=CONNECTIONS)
    sent = sdk.list_parts(**place)["Parts"]
    named = [{name: part[name] for name in ("PartNumber", "ETag")} for part in sent]
    sdk.complete_multipart_upload(**place, MultipartUpload={"Parts": named})


def _get(peers: Peers, place: Path, rounds: int) -> list[Row]:
    bucket, store, sdk, files = peers.bucket(), peers.obstore(), peers.boto3, peers.s3fs
    bucket.put(KEY, place / "source")
    target = place / "target"

    def in_parts() -> bytes:
        buffer = io.BytesIO()
        sdk.download_fileobj(BUCKET, KEY, buffer)
        return buffer.getvalue()

    def in_one() -> bytes:
        whole: bytes = sdk.get_object(Bucket=BUCKET, Key=KEY)["Body"].read()
        return whole

    url = sdk.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": KEY})

    def tidy() -> None:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()

    others: dict[str, Work] = {
        "s3fs": lambda: files.cat_file(f"{BUCKET}/{KEY}"),
        "obstore": lambda: obstore.get(store, KEY).bytes(),
        "s5cmd": lambda: peers.run(peers.s5cmd(KEY, f"{target}/large")),
        "rclone": lambda: peers.run(peers.rclone(KEY, f"{target}/large")),
        "sockets": lambda: bare.fetch(url, OBJECT_BYTES, connections=CONNECTIONS),
        "one socket, kept": lambda: bare.keep(url, OBJECT_BYTES),
    }
    tidy()
    works: dict[str, Work] = {"portable": lambda: bucket.get(KEY), "boto3": in_parts, **others}
    single: dict[str, Work] = {"portable": lambda: bucket.get(KEY), "boto3": in_one}
    return [
        measure("get 256 MiB (boto3: download_fileobj)", "MiB/s", 256, works, rounds, tidy=tidy),
        measure("get 256 MiB (boto3: get_object)", "MiB/s", 256, single, rounds),
    ]
