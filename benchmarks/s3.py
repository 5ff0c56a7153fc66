"""portable, boto3 and s3fs on one SeaweedFS."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import s3fs
from botocore.config import Config

import portable
from benchmarks.timing import Row, Work, measure
from portable.testing.servers import S3Server, make_bucket, seaweedfs

BUCKET = "bench"
SMALL_BYTES = 16 * 1024
LARGE_BYTES = 256 * 1024**2
OBJECTS = 400


def run(rounds: int) -> list[Row]:
    """All rows; the server is started and stopped here."""
    with seaweedfs() as server:
        os.environ["AWS_ACCESS_KEY_ID"] = server.access_key
        os.environ["AWS_SECRET_ACCESS_KEY"] = server.secret_key
        make_bucket(server, BUCKET)
        return [*_small(server, rounds), *_large(server, rounds)]


def _clients(server: S3Server) -> tuple[portable.storage.Bucket, Any, Any]:
    bucket = portable.open_bucket(
        f"s3://{BUCKET}/portable?endpoint={server.endpoint}&region={server.region}"
    )
    sdk = boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=server.region,
        config=Config(max_pool_connections=64, s3={"addressing_style": "path"}),
    )
    files = s3fs.S3FileSystem(
        endpoint_url=server.endpoint,
        client_kwargs={"region_name": server.region},
        config_kwargs={"max_pool_connections": 64},
        use_listings_cache=False,
    )
    return bucket, sdk, files


def _small(server: S3Server, rounds: int) -> list[Row]:
    bucket, sdk, files = _clients(server)
    data = os.urandom(SMALL_BYTES)
    puts: dict[str, Callable[[int], object]] = {
        "portable": lambda i: bucket.put(f"{i}", data),
        "boto3": lambda i: sdk.put_object(Bucket=BUCKET, Key=f"boto3/{i}", Body=data),
        "s3fs": lambda i: files.pipe_file(f"{BUCKET}/s3fs/{i}", data),
    }
    gets: dict[str, Callable[[int], object]] = {
        "portable": lambda i: bucket.get(f"{i}"),
        "boto3": lambda i: sdk.get_object(Bucket=BUCKET, Key=f"boto3/{i}")["Body"].read(),
        "s3fs": lambda i: files.cat_file(f"{BUCKET}/s3fs/{i}"),
    }
    rows = []
    for threads in (1, 16):
        for verb, calls in (("put", puts), ("get", gets)):
            peers = {peer: _many(call, threads) for peer, call in calls.items()}
            name = f"{verb} 16 KiB, {threads} thread{'s' * (threads > 1)}"
            rows.append(measure(name, "objects/s", OBJECTS, peers, rounds))
    return rows


def _many(call: Callable[[int], object], threads: int) -> Work:
    def work() -> None:
        if threads == 1:
            for number in range(OBJECTS):
                call(number)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(call, range(OBJECTS)))

    return work


def _large(server: S3Server, rounds: int) -> list[Row]:
    bucket, sdk, files = _clients(server)
    data = os.urandom(LARGE_BYTES)

    def sdk_get() -> bytes:
        target = io.BytesIO()
        sdk.download_fileobj(BUCKET, "boto3/large", target)
        return target.getvalue()

    up: dict[str, Work] = {
        "portable": lambda: bucket.put("large", data),
        "boto3": lambda: sdk.upload_fileobj(io.BytesIO(data), BUCKET, "boto3/large"),
        "s3fs": lambda: files.pipe_file(f"{BUCKET}/s3fs/large", data),
    }
    down: dict[str, Work] = {
        "portable": lambda: bucket.get("large"),
        "boto3": sdk_get,
        "s3fs": lambda: files.cat_file(f"{BUCKET}/s3fs/large"),
    }
    one_stream: dict[str, Work] = {
        "portable": lambda: bucket.get("large"),
        "boto3": lambda: sdk.get_object(Bucket=BUCKET, Key="boto3/large")["Body"].read(),
        "s3fs": lambda: files.cat_file(f"{BUCKET}/s3fs/large"),
    }
    mib = LARGE_BYTES / 1024**2
    return [
        measure("put 256 MiB (boto3: upload_fileobj)", "MiB/s", mib, up, rounds),
        measure("get 256 MiB (boto3: download_fileobj)", "MiB/s", mib, down, rounds),
        measure("get 256 MiB (boto3: get_object, unverified)", "MiB/s", mib, one_stream, rounds),
    ]
