"""Every example runs, unchanged, on the local default and on an S3 server; jobs in test_jobs.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import portable
from portable.testing import emulate
from portable.testing.servers import (
    S3Server,
    make_bucket,
    required,
    seaweedfs,
    servers_required,
)
from tests.examples.running import EXAMPLES, run

DIGITS = EXAMPLES / "01_digits.py"
FOLDERS = EXAMPLES / "02_folders.py"
SHARDS = EXAMPLES / "04_torch_shards.py"
SCORING = EXAMPLES / "05_async_scoring.py"
CLOUDS = EXAMPLES / "06_every_cloud.py"
SEARCH = EXAMPLES / "07_search.py"
TRAINING = EXAMPLES / "08_training_job.py"
MONTHLY = EXAMPLES / "09_monthly_scores.py"
TRIALS = EXAMPLES / "10_search_jobs.py"
MANY_GPUS = EXAMPLES / "11_many_gpus.py"
FIRST_JOB = EXAMPLES / "12_first_job.py"
TABLE = EXAMPLES / "03_table_and_checkpoint.py"
STORED = {
    "datasets/digits.npz",
    "runs/digits/confusion.png",
    "runs/digits/metrics.json",
    "runs/digits/model.joblib",
}


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with required(seaweedfs()) as running:
        make_bucket(running, "demo")
        yield running


def test_every_example_is_run_here() -> None:
    """A new one needs a test."""
    assert {path.name for path in EXAMPLES.glob("*.py")} == {
        DIGITS.name,
        FOLDERS.name,
        TABLE.name,
        SHARDS.name,
        SCORING.name,
        CLOUDS.name,
        SEARCH.name,
        TRAINING.name,
        MONTHLY.name,
        TRIALS.name,
        MANY_GPUS.name,
        FIRST_JOB.name,
    }


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


def test_folders_sends_what_differs(tmp_path: Path) -> None:
    """And says so."""
    said = run(FOLDERS, tmp_path, PORTABLE_CACHE=str(tmp_path / "cache"))
    assert said.splitlines() == [
        "upload    sent 20, skipped 0, deleted 0",
        "again     sent 0, skipped 20, deleted 0",
        "dry run   sent 1, skipped 18, deleted 1",
        "sync      sent 1, skipped 18, deleted 1",
        "download  sent 19, skipped 0, deleted 0",
        "the same here and there: True",
    ]


@pytest.mark.xdist_group("examples")
def test_table_gives_the_same_on_a_laptop_and_on_s3(tmp_path: Path, server: S3Server) -> None:
    """Through pandas, pyarrow, torch and fsspec, and from a checkpoint."""
    if not servers_required():
        pytest.importorskip("torch")
    local = run(TABLE, tmp_path)
    cloud = run(
        TABLE,
        tmp_path,
        PORTABLE_PROFILE="aws",
        PORTABLE_STORAGE_BUCKET="demo",
        PORTABLE_STORAGE_PREFIX="table",
        PORTABLE_STORAGE_ENDPOINT=server.endpoint,
        AWS_ACCESS_KEY_ID=server.access_key,
        AWS_SECRET_ACCESS_KEY=server.secret_key,
    )
    assert local == cloud
    assert local.splitlines()[:3] == ["goes on after epoch 20", "loss 0.010", "y = 3.0x + 2.0"]
    assert "runs/line/epoch-040/.metadata" in local


def test_shards_trains_a_network(tmp_path: Path) -> None:
    if not servers_required():
        pytest.importorskip("torch")
    first = run(SHARDS, tmp_path).splitlines()
    assert [line.split(" at ")[0] for line in first[:2]] == [
        "stored:   1000 samples in 11 shards",
        "stored:   200 samples in 3 shards",
    ]
    name, accuracy = first[2].split()
    assert name == "accuracy:"
    assert float(accuracy) > 0.9


def test_scoring_scores_every_image(tmp_path: Path) -> None:
    assert run(SCORING, tmp_path) == "scored 200 images, 88% right\n"
    here = portable.open_bucket((tmp_path / ".portable/storage").as_uri())
    assert len(list(here.list("scoring/scores/"))) == 200


def test_every_cloud_decides_alike(tmp_path: Path) -> None:
    """Or says that it can't."""
    verdicts = [" ".join(line.split()) for line in run(CLOUDS, tmp_path).splitlines()]
    assert verdicts == [
        "aws s3://emulated ada is first, bob is late",
        "gcp gs://emulated ada is first, bob is late",
        "azure az://emulated ada is first, bob is late",
        "digitalocean spaces://emulated ada can't know, bob can't know",
    ]


def test_a_search_finds_the_same_on_a_laptop_and_on_every_cloud(tmp_path: Path) -> None:
    """Each trial is handled by some worker; the script doesn't know where."""
    best = set()
    providers = ("aws", "gcp", "azure")
    with emulate(*providers) as emulation:
        for profile in ("local", *providers):
            surroundings = dict(emulation.environment) | {"PORTABLE_PROFILE": profile}
            said = run(SEARCH, tmp_path, **surroundings)
            handled = [int(line.split()[3]) for line in said.splitlines() if "handled" in line]
            assert sum(handled) >= 16, profile
            best.add(said.splitlines()[-1])
            here = (tmp_path / ".portable/storage").as_uri() if profile == "local" else None
            with portable.profile(profile):
                picture = portable.open_bucket(here).get("runs/search/search.png")
            assert picture.startswith(b"\x89PNG")
    assert len(best) == 1
    assert best.pop().startswith("16 of 16 trials; the best: ")


def test_many_gpus_tells_what_each_cloud_would_cost(tmp_path: Path) -> None:
    """And starts nothing."""
    said = run(MANY_GPUS, tmp_path).splitlines()
    assert said[0] == "4 x V100 for 72 hours:"
    assert any("p3.8xlarge" in line and "$881.28" in line for line in said)
    assert {line.split()[0] for line in said[1:-1]} == {"aws", "gcp", "azure"}
    assert not (tmp_path / ".portable").exists()
