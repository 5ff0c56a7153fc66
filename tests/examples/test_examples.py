"""Every example runs, unchanged, on the local default and on an S3 server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import portable
from portable.testing.servers import (
    S3Server,
    ServerUnavailable,
    make_bucket,
    seaweedfs,
    skip_or_fail,
)

EXAMPLES = Path(__file__).parents[2] / "examples"
DIGITS = EXAMPLES / "01_digits.py"
STORED = {
    "datasets/digits.npz",
    "runs/digits/confusion.png",
    "runs/digits/metrics.json",
    "runs/digits/model.joblib",
}


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    try:
        with seaweedfs() as running:
            make_bucket(running, "demo")
            yield running
    except ServerUnavailable as error:
        skip_or_fail(error)


def run(script: Path, folder: Path, **variables: str) -> str:
    """Run *script* in *folder* as a user would, and return what it printed."""
    inherited = {n: v for n, v in os.environ.items() if not n.startswith(("PORTABLE_", "AWS_"))}
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        env=inherited | {"MPLBACKEND": "Agg", "XDG_CONFIG_HOME": str(folder)} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_run_here() -> None:
    """A new one needs a test."""
    assert {path.name for path in EXAMPLES.glob("*.py")} == {DIGITS.name}


def test_an_example_is_short() -> None:
    """It shows one idea on a screen."""
    assert all(len(path.read_text().splitlines()) <= 75 for path in EXAMPLES.glob("*.py"))


@pytest.mark.xdist_group("examples")
def test_digits_gives_the_same_on_a_laptop_and_on_s3(tmp_path: Path, server: S3Server) -> None:
    """Not one character of the script differs, nor a metric, nor a key."""
    (tmp_path / "laptop").mkdir()
    (tmp_path / "cloud").mkdir()
    local = run(DIGITS, tmp_path / "laptop")
    cloud = run(
        DIGITS,
        tmp_path / "cloud",
        PORTABLE_PROFILE="aws",
        PORTABLE_STORAGE_BUCKET="demo",
        PORTABLE_STORAGE_ENDPOINT=server.endpoint,
        AWS_ACCESS_KEY_ID=server.access_key,
        AWS_SECRET_ACCESS_KEY=server.secret_key,
    )
    printed = [line for line in local.splitlines() if "bytes" not in line]
    assert printed == [line for line in cloud.splitlines() if "bytes" not in line]
    folder = tmp_path / "laptop/.portable/storage"
    here = portable.open_bucket(f"file://{folder}")
    assert {info.key for info in here.list()} == STORED
    assert here.get("runs/digits/confusion.png").startswith(b"\x89PNG")
    metrics = json.loads((folder / "runs/digits/metrics.json").read_bytes())
    assert metrics["accuracy"] > 0.95
    assert {line.rpartition("s3://demo/")[2] for line in cloud.splitlines() if "s3://" in line} == (
        STORED
    )
    assert not (tmp_path / "cloud/.portable").exists()
