"""A full disk ends a run soon, with one error; the next run goes on."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import portable
from portable.errors import NoSpace, Unauthenticated
from portable.storage import Bucket
from portable.transfers import spill
from portable.transfers.walk import PARTIAL, Walk
from portable_memory.storage import MemoryStorage
from tests.transfers.conftest import Fill, files_of, objects_of

FILES = {f"{number % 3}/{number:03}": bytes([number % 251]) * 8192 for number in range(600)}
WORKERS = 16


@pytest.fixture
def bucket() -> Bucket:
    """A bucket with more than a small disk holds."""
    filled = portable.open_bucket("memory://full")
    for key, body in FILES.items():
        filled.put(key, body)
    return filled


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    made = _mount("size=1m", mount)
    if made.returncode:
        pytest.skip(f"can't mount a small disk here: {made.stderr.strip()[:80]}")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


def _mount(options: str, mount: Path) -> subprocess.CompletedProcess[str]:
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(mount)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_a_disk_that_fills_up(small_disk: Path, bucket: Bucket, kind: str) -> None:
    """Whole files are on it; with more room the next run sends the rest."""
    target: Path | Bucket = small_disk / "down"
    if kind == "bucket":
        target = portable.open_bucket((small_disk / "down").as_uri())
    with pytest.raises(NoSpace, match="disk is full") as caught:
        bucket.sync(bucket, target)
    arrived = _held(target)
    assert 0 < len(arrived) <= 128
    assert arrived.items() <= FILES.items()
    assert len(arrived) - WORKERS < _told(caught.value) <= len(arrived)
    assert _mount("remount,size=40m", small_disk).returncode == 0
    report = bucket.sync(bucket, target)
    assert (report.sent, report.skipped, report.failed) == (600 - len(arrived), len(arrived), 0)
    assert _held(target) == FILES


def _held(target: Path | Bucket) -> dict[str, bytes]:
    if isinstance(target, Bucket):
        return objects_of(target)
    held = files_of(target)
    assert not [name for name in held if name.startswith(PARTIAL)]
    return held


def _told(error: NoSpace) -> int:
    found = re.search(r"; at least (\d+) were sent before .* the next run goes on", str(error))
    assert found is not None, error
    return int(found[1])


def refusing(number: int, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files can't be written to any more, after so many writes."""
    write, done = os.pwrite, list[int]()

    def refused(file: int, data: Any, offset: int) -> int:
        done.append(1)
        if len(done) > after:
            raise OSError(number, os.strerror(number))
        return write(file, data, offset)

    monkeypatch.setattr(os, "pwrite", refused)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_space_ends_a_run_soon(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The tasks under way are all that still ask for an object."""
    reads: list[str] = []
    read: Callable[..., Any] = MemoryStorage.read

    def counted(self: MemoryStorage, key: str, **rest: Any) -> Any:
        reads.append(key)
        return read(self, key, **rest)

    monkeypatch.setattr(MemoryStorage, "read", counted)
    refusing(number, 100, monkeypatch)
    with pytest.raises(NoSpace, match="disk is full") as caught:
        bucket.download("", tmp_path / "down")
    assert os.strerror(number) in str(caught.value)
    assert len(reads) <= 100 + WORKERS
    arrived = files_of(tmp_path / "down")
    assert _told(caught.value) == len(arrived)
    monkeypatch.undo()
    assert bucket.download("", tmp_path / "down").sent == 600 - len(arrived)
    assert files_of(tmp_path / "down") == FILES


def test_a_file_that_is_too_large_for_the_disk_ends_nothing(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is room for the others: into a folder, and into a bucket of files."""
    target = portable.open_bucket((tmp_path / "bucket").as_uri())
    write = os.pwrite

    def refused(file: int, data: Any, offset: int) -> int:
        if bytes(data[:1]) == b"\x07":
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return write(file, data, offset)

    monkeypatch.setattr(os, "pwrite", refused)
    for place in (tmp_path / "down", target):
        report = bucket.sync(bucket, place)
        assert report.failed == sum(body[0] == 7 for body in FILES.values()) == 3
        assert report.sent == 597
        assert not any(isinstance(each.error, NoSpace) for each in report.failures)


def test_other_errors_that_end_a_run_tell_what_was_sent(
    bucket: Bucket, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials that end in the middle, say."""
    put: Callable[..., Any] = MemoryStorage.put
    done: list[str] = []

    def ending(self: MemoryStorage, key: str, *rest: Any) -> Any:
        done.append(key)
        if len(done) > 3:
            raise Unauthenticated("the credentials are not known")
        return put(self, key, *rest)

    monkeypatch.setattr(MemoryStorage, "put", ending)
    with pytest.raises(Unauthenticated, match=r"known; at least 3 were sent .* goes on"):
        bucket.sync(fill(FILES), portable.open_bucket("memory://target"))


def test_temporary_files_that_find_no_space(
    fill: Fill, monkeypatch: pytest.MonkeyPatch, bucket: Bucket
) -> None:
    """What is to be deleted waits in one, and so do the names of a large folder."""

    def full(*_: Any, **__: Any) -> Any:
        return open("/dev/full", "wb")

    source = fill({"0/000": FILES["0/000"], "a": b"", "b": b"", "c": b""})
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(NoSpace, match="temporary"):
        bucket.sync(source, bucket, delete=True)
    monkeypatch.setattr(spill, "RUN", 2)
    with pytest.raises(NoSpace, match="temporary"):
        list(Walk(str(source)))
