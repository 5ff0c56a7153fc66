"""The same bucket on three providers; S3 is a server behind a socket."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from portable.storage import Bucket
from portable.testing.servers import S3Server, moto_server, running_with_bucket
from portable.testing.targets.local import open_local_bucket
from portable.testing.targets.memory import forget, open_memory_bucket
from portable.testing.targets.s3 import isolate, open_s3_bucket

BUCKET = "aio-tests"


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    with running_with_bucket(moto_server, BUCKET) as server:
        yield server


@pytest.fixture
def memory() -> Iterator[Bucket]:
    name = uuid.uuid4().hex
    bucket = open_memory_bucket(name)
    yield bucket
    bucket.close()
    forget(name)


@pytest.fixture(
    params=["memory", "local", pytest.param("s3", marks=pytest.mark.xdist_group("aio-s3"))]
)
def bucket(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bucket]:
    if request.param == "memory":
        yield request.getfixturevalue("memory")
        return
    if request.param == "local":
        opened = open_local_bucket(tmp_path / "bucket", durability="fast")
    else:
        isolate(monkeypatch)
        server: S3Server = request.getfixturevalue("moto")
        opened = open_s3_bucket(BUCKET, uuid.uuid4().hex, endpoint=server.endpoint)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _leaves_no_thread() -> Iterator[None]:
    """A loop's threads end with it, whatever happened in it."""
    yield
    until = time.monotonic() + 5
    while (left := _threads()) and time.monotonic() < until:
        time.sleep(0.005)
    assert not left


def _threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("portable-aio")]
