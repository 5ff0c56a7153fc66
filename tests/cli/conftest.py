"""A folder and an environment of this test's own, and the command line run in this process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import portable
import portable_memory.queue
import portable_memory.storage
from portable.cli.app import app
from portable.testing.servers import (
    S3Server,
    moto_server,
    required,
    seaweedfs,
)


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: bytes
    err: str
    exception: BaseException | None

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory: empty, with nothing configured anywhere."""
    for name in os.environ:
        if name.startswith(("PORTABLE_", "AWS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    # With it, a write fails at once; without, the interpreter may fail at its very end.
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    monkeypatch.setattr(portable_memory.storage, "_stores", {})
    monkeypatch.setattr(portable_memory.queue, "_stores", {})
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    yield work
    portable.configure()


@pytest.fixture
def run() -> Run:
    """Run a command line."""

    def invoke(*words: str, given: bytes | str = b"") -> Outcome:
        result = CliRunner().invoke(app, list(words), input=given)
        unexpected = result.exception
        if isinstance(unexpected, SystemExit):
            unexpected = None
        return Outcome(result.exit_code, result.stdout_bytes, result.stderr, unexpected)

    return invoke


@pytest.fixture
def in_memory(monkeypatch: pytest.MonkeyPatch) -> portable.storage.Bucket:
    """The profile's bucket, in this process's memory."""
    monkeypatch.setenv("PORTABLE_PROFILE", "memory")
    return portable.open_bucket("memory://default")


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    with required(moto_server()) as server:
        yield server


@pytest.fixture(scope="session")
def weed() -> Iterator[S3Server]:
    """A server that checks signatures."""
    with required(seaweedfs()) as server:
        yield server


@pytest.fixture
def s3(moto: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """moto's server, with credentials for it in the environment."""
    use_credentials(moto, monkeypatch)
    return moto


def use_credentials(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", server.region)
