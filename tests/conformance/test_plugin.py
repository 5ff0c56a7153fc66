"""The pytest plugin gives users' tests buckets, and costs nothing until it is asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import portable
from portable.storage import Bucket

TESTS = """
import portable

def test_each(portable_bucket):
    portable_bucket.put("key", b"x", if_absent=True)
    assert [info.key for info in portable_bucket.list()] == ["key"]

def test_module(portable_storage):
    portable.storage.put("key", b"x", if_absent=True)
    assert portable.storage.get("key") == b"x"
    assert portable.open_bucket(portable_storage).exists("key")

def test_queue(portable_queue, portable_clock):
    portable.queue.send("x", delay=3600)
    assert portable_queue.receive() == []
    portable_clock.advance(3600)
    (message,) = portable_queue.receive()
    portable_clock.advance(31)
    assert message.lease_lost
    assert portable.queue.receive()[0].attempts == 2

def test_job(portable_compute):
    portable.storage.put("in", b"7")
    job = portable.compute.submit("cat in > out", inputs={"in": "in"}, outputs={"out": "made"})
    assert job.wait(30).status == "succeeded"
    assert portable.storage.get("made") == b"7"
    assert list(portable.compute.map(lambda n: n * n, range(3))) == [0, 1, 4]
    portable.compute.submit("sleep 61")  # is ended after the test
"""


def _run(folder: Path, *options: str) -> str:
    (folder / "test_mine.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", *options]
    run = subprocess.run(
        [*command, f"--rootdir={folder}", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    return run.stdout + run.stderr


def test_bucket_of_each_provider_is_empty(
    portable_memory_bucket: Bucket, portable_local_bucket: Bucket, portable_aws_bucket: Bucket
) -> None:
    """And works without an account."""
    buckets = (portable_memory_bucket, portable_local_bucket, portable_aws_bucket)
    assert [bucket.provider for bucket in buckets] == ["memory", "local", "aws"]
    for bucket in buckets:
        assert list(bucket.list()) == []
        bucket.put("a/key", b"x")
        assert bucket.get("a/key") == b"x"


def test_bucket_of_gcp_is_empty(portable_gcp_bucket: Bucket) -> None:
    """On a fake server in this process, without an account."""
    assert portable_gcp_bucket.provider == "gcp"
    assert list(portable_gcp_bucket.list()) == []
    portable_gcp_bucket.put("a/key", b"x", if_absent=True)
    assert portable_gcp_bucket.get("a/key") == b"x"


@pytest.mark.xdist_group("azurite")
def test_bucket_of_azure_is_empty(portable_azure_bucket: Bucket) -> None:
    """On Azurite, without an account."""
    assert portable_azure_bucket.provider == "azure"
    assert list(portable_azure_bucket.list()) == []
    portable_azure_bucket.put("a/key", b"x", if_absent=True)
    assert portable_azure_bucket.get("a/key") == b"x"


def test_bucket_of_digitalocean_is_empty(portable_digitalocean_bucket: Bucket) -> None:
    """On moto in this process, without an account."""
    assert portable_digitalocean_bucket.provider == "digitalocean"
    assert list(portable_digitalocean_bucket.list()) == []
    portable_digitalocean_bucket.put("a/key", b"x", if_absent=True)
    assert portable_digitalocean_bucket.get("a/key") == b"x"


def test_bucket_is_in_memory_unless_asked(tmp_path: Path) -> None:
    """One test each."""
    output = _run(tmp_path)
    assert "PASSED test_mine.py::test_each[memory]" in output
    assert "4 passed" in output


def test_option_names_the_providers(tmp_path: Path) -> None:
    """Each test runs once for each."""
    output = _run(tmp_path, "--portable-storage=memory,local,aws")
    for name in ("memory", "local", "aws"):
        assert f"PASSED test_mine.py::test_each[{name}]" in output
    assert "6 passed" in output


def test_unknown_provider_is_an_error(tmp_path: Path) -> None:
    """With the names that there are."""
    output = _run(tmp_path, "--portable-storage=memory,azur")
    assert "no provider ['azur']; known: memory, local, aws" in output


def test_storage_of_a_test_is_its_own(portable_storage: str) -> None:
    """`portable.storage` is an empty bucket in memory, whatever the configuration says."""
    assert list(portable.storage.list()) == []
    portable.storage.put("key", b"x")
    assert portable.open_bucket(portable_storage).get("key") == b"x"


def test_plugin_imports_nothing_at_load() -> None:
    """Neither an SDK nor hypothesis nor portable's own storage drivers."""
    heavy = ("boto3", "botocore", "moto", "hypothesis", "portable_aws", "portable_local")
    code = (
        "import sys, pytest, portable.testing.plugin; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
