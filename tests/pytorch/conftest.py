"""Buckets that worker processes reach, too: a folder, and an S3 server behind a socket."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from portable.storage import Bucket
from portable.testing.servers import S3Server, moto_server, running_with_bucket
from portable.testing.targets.local import open_local_bucket
from portable.testing.targets.s3 import isolate, open_s3_bucket

BUCKET = "torch-tests"

# Without PyTorch, test_installed.py alone says so.
collect_ignore_glob = [] if find_spec("torch") else ["test_[!i]*.py"]


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    with running_with_bucket(moto_server, BUCKET) as server:
        yield server


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Bucket]:
    opened = open_local_bucket(tmp_path / "bucket", durability="fast")
    yield opened
    opened.close()


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.xdist_group("torch-s3"))])
def bucket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    if request.param == "local":
        yield request.getfixturevalue("local")
        return
    isolate(monkeypatch)
    server: S3Server = request.getfixturevalue("moto")
    opened = open_s3_bucket(BUCKET, uuid.uuid4().hex, endpoint=server.endpoint)
    yield opened
    opened.close()
