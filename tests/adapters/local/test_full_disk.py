"""A full disk harms nothing that is stored, and things can be removed from it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from portable.errors import NoSpace

from .support import WAYS, Store


@pytest.fixture(params=["ext4", "tmpfs"])
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    mount = tmp_path / "disk"
    mount.mkdir()
    if request.param == "tmpfs":
        command = f"mount -t tmpfs -o size=8m none {mount}"
    else:
        image = tmp_path / "image"
        command = f"truncate -s 8M {image} && mkfs.ext4 -q {image} && mount -o loop {image} {mount}"
    made = subprocess.run(["sh", "-c", command], check=False, capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"can't mount a small disk here: {made.stderr.strip()[:80]}")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_a_full_disk_keeps_the_old_object(small_disk: Path, way: tuple[str, str]) -> None:
    store = Store(small_disk / "root", way, "full")  # type: ignore[arg-type]
    old = store.put("a", b"o" * 500_000, metadata={"n": "1"})
    big = store.put("big", b"b" * 3_000_000)
    for call in (
        lambda: store.put("a", b"n" * 6_000_000),
        lambda: store.put("new/b", b"n" * 6_000_000),
        lambda: store.upload("a", [b"n" * 3_000_000] * 2),
        lambda: [store.copy("big", f"copy{number}") for number in range(3)],
    ):
        with pytest.raises(NoSpace) as caught:
            call()
        assert not caught.value.retryable
        assert store.stat("a") == old
        assert store.get("a") == b"o" * 500_000
        store.delete("copy0", "copy1")
        assert list(store.objects()) == [old, big]
        assert store.leftovers() == []
    assert not (store.root / "new").exists()


def test_objects_can_be_removed_from_a_disk_without_a_byte_left(small_disk: Path) -> None:
    store = Store(small_disk / "root", durability="full")
    store.put("a", b"o" * 3_000_000)
    with open(small_disk / "filler", "wb", buffering=0) as filler:
        try:
            while filler.write(b"f" * 4096):
                pass
        except OSError:
            pass
    with pytest.raises(NoSpace):
        store.put("b", os.urandom(1_000_000))
    assert not store.delete("a")
    store.put("b", os.urandom(1_000_000))
    assert store.keys() == ["b"]
