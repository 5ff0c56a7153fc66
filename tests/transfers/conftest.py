"""Folders and buckets of each test's own; one S3 server for all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import portable
import portable_memory.storage
from portable.storage import Bucket
from portable.testing.servers import (
    S3Server,
    make_bucket,
    moto_server,
    required,
)
from portable.transfers import routes

Fill = Callable[[dict[str, bytes]], Path]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing configured, nothing remembered."""
    for name in os.environ:
        if name.startswith(("PORTABLE_", "AWS_")) and name != "PORTABLE_TEST_CACHE":
            monkeypatch.delenv(name)
    monkeypatch.setenv("PORTABLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.setattr(portable_memory.storage, "_stores", {})
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An empty folder."""
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def fill(source: Path) -> Fill:
    """Write files into the source folder."""

    def write(files: dict[str, bytes]) -> Path:
        return write_files(source, files)

    return write


@pytest.fixture(params=["memory", "local"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Bucket:
    """A bucket."""
    if request.param == "memory":
        return portable.open_bucket("memory://transfers")
    return portable.open_bucket((tmp_path / "bucket").as_uri())


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    with required(moto_server()) as server:
        make_bucket(server, "transfers")
        yield server


@pytest.fixture
def s3_url(moto: S3Server, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A folder of an S3 bucket."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", moto.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", moto.secret_key)
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)
    return f"s3://transfers/{name}?endpoint={moto.endpoint}&region={moto.region}"


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of this moment count as old ones."""
    monkeypatch.setattr(routes, "SETTLED_NS", -1)


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    for name, body in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """What is in a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def objects_of(bucket: Bucket, prefix: str = "") -> dict[str, bytes]:
    """What is in a bucket."""
    return {info.key: bucket.get(info.key) for info in bucket.list(prefix)}
