"""Objects to local files, whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portable.errors import (
    IntegrityError,
    InvalidArgument,
    NoSpace,
    NotFound,
    ObjectChanged,
    PermissionDenied,
    PortableError,
)
from portable.storage import Bucket
from portable.storage.files import download
from portable_memory.storage import MemoryRead, MemoryStorage

LARGE = os.urandom(20 * 1024**2 + 7)  # above what is read side by side


@pytest.mark.parametrize("body", [b"", b"x", b"ab" * 200_000, LARGE], ids=len)
def test_the_file_has_the_bytes(in_memory: Bucket, folder: Path, body: bytes) -> None:
    """Of any size, and nothing else is in the folder."""
    info = in_memory.put("k", body)
    assert download(in_memory, "k", folder / "f").revision == info.revision
    assert (folder / "f").read_bytes() == body
    assert [path.name for path in folder.iterdir()] == ["f"]


def test_progress_counts_up_to_the_size(in_memory: Bucket, folder: Path) -> None:
    """In order, whichever thread has them."""
    in_memory.put("k", LARGE)
    seen: list[tuple[int, int | None]] = []
    download(in_memory, "k", folder / "f", progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (len(LARGE), len(LARGE))


def test_an_older_file_is_replaced_and_keeps_its_permissions(
    in_memory: Bucket, folder: Path
) -> None:
    """A new one has those that the umask leaves."""
    in_memory.put("k", b"new")
    old = folder / "old"
    old.write_bytes(b"older and longer")
    old.chmod(0o640)
    download(in_memory, "k", old)
    assert (old.read_bytes(), old.stat().st_mode & 0o777) == (b"new", 0o640)
    umask = os.umask(0o027)
    try:
        download(in_memory, "k", folder / "new")
    finally:
        os.umask(umask)
    assert (folder / "new").stat().st_mode & 0o777 == 0o640


def test_a_symbolic_link_is_replaced(in_memory: Bucket, folder: Path) -> None:
    """What it points at stays: it may be outside of the folder."""
    in_memory.put("k", b"new")
    (folder / "target").write_bytes(b"old")
    (folder / "link").symlink_to(folder / "target")
    download(in_memory, "k", folder / "link")
    assert (folder / "target").read_bytes() == b"old"
    assert not (folder / "link").is_symlink()


def test_devices_pipes_and_folders_are_left_alone(in_memory: Bucket, folder: Path) -> None:
    """As root, replacing /dev/null would be possible, and fatal."""
    in_memory.put("k", b"new")
    os.mkfifo(folder / "pipe")
    for path in (Path("/dev/null"), folder / "pipe", folder):
        with pytest.raises(InvalidArgument, match=r"is a (device or a pipe|folder), not a file"):
            download(in_memory, "k", path)
    assert Path("/dev/null").is_char_device()


def spoiled(times: int) -> Callable[..., bytes]:
    """A `read` that flips a bit of the first so many bodies."""
    read, bodies = MemoryRead.read, list[MemoryRead]()

    def flipping(self: MemoryRead, size: int, /) -> bytes:
        data = read(self, size)
        if data and self not in bodies:
            bodies.append(self)
            if len(bodies) <= times:
                return bytes([data[0] ^ 1]) + data[1:]
        return data

    return flipping


@pytest.mark.parametrize("size", [10, len(LARGE)])
def test_bytes_that_were_changed_on_the_way_are_read_again(
    in_memory: Bucket, folder: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A bit that flipped once is no reason to fail."""
    in_memory.put("k", LARGE[:size])
    monkeypatch.setattr(MemoryRead, "read", spoiled(1))
    download(in_memory, "k", folder / "f")
    assert (folder / "f").read_bytes() == LARGE[:size]


def test_bytes_that_stay_wrong_make_no_file(
    in_memory: Bucket, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older file stays, and no temporary one."""
    in_memory.put("k", b"new")
    (folder / "f").write_bytes(b"old")
    monkeypatch.setattr(MemoryRead, "read", spoiled(1000))
    with pytest.raises(IntegrityError) as caught:
        download(in_memory, "k", folder / "f")
    assert (caught.value.operation, caught.value.resource) == ("download", "memory://default/k")
    assert [(path.name, path.read_bytes()) for path in folder.iterdir()] == [("f", b"old")]


@pytest.mark.parametrize("times", [1, 1000])
def test_an_object_that_is_replaced_meanwhile(
    in_memory: Bucket, folder: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """Never half of one and half of the other: all of the last one, or an error and no file."""
    in_memory.put("k", LARGE)
    read, seen = MemoryStorage.read, list[int]()

    def racing(self: MemoryStorage, key: str, *, start: int, **rest: Any) -> MemoryRead:
        if start and len(seen) < times:
            seen.append(start)
            in_memory.put("k", LARGE[::-1])
        return read(self, key, start=start, **rest)

    monkeypatch.setattr(MemoryStorage, "read", racing)
    monkeypatch.setattr("portable.storage.large.FAST_BYTES_PER_SECOND", 1 << 60)
    if times == 1:
        download(in_memory, "k", folder / "f")
        assert (folder / "f").read_bytes() == LARGE[::-1]
    else:
        with pytest.raises(ObjectChanged):
            download(in_memory, "k", folder / "f")
        assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, NoSpace),
        (errno.EDQUOT, NoSpace),
        (errno.EIO, PortableError),
        (errno.EACCES, PermissionDenied),
    ],
)
def test_what_the_file_system_refuses(
    in_memory: Bucket,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    kind: type[PortableError],
) -> None:
    """As an error of the tree; nothing is left."""
    in_memory.put("k", b"new")

    def refusing(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "pwrite", refusing)
    with pytest.raises(kind) as caught:
        download(in_memory, "k", folder / "f")
    assert type(caught.value) is kind
    assert not list(folder.iterdir())


def test_missing_objects_and_folders(in_memory: Bucket, folder: Path) -> None:
    """Which of the two is in the text."""
    with pytest.raises(NotFound, match="no such object"):
        download(in_memory, "k", folder / "f")
    in_memory.put("k", b"1")
    with pytest.raises(NotFound, match="no local folder"):
        download(in_memory, "k", folder / "x" / "f")
    (folder / "f").write_bytes(b"1")
    with pytest.raises(NotFound, match="no local folder"):
        download(in_memory, "k", folder / "f" / "g")
    with pytest.raises(InvalidArgument, match="is no path"):
        download(in_memory, "k", folder / "a\0b")
