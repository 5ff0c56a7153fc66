"""Power cuts: the disk as it was at one moment, without what the kernel had only in memory.

The writer is stopped, the image below its mounted file system is copied as it is, and the copy
is mounted. PORTABLE_CUTS sets the number of cuts. ``fast`` is the control: it has to lose
something, or the test sees nothing.
"""

from __future__ import annotations

import filecmp
import hashlib
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from portable.errors import NotFound
from portable_local.staging import Naming

from .support import WAYS, Attributes, Durability, Store, forked

CUTS = int(os.environ.get("PORTABLE_CUTS", "40"))
pytestmark = [pytest.mark.soak, pytest.mark.timeout(60 + CUTS * 8)]


def body_of(number: int) -> bytes:
    content = b"%010d" % number + os.urandom(16) * 1250
    return hashlib.sha256(content).digest() + content


def key_of(number: int) -> str:
    return f"folder-{number // 20}/{number % 7}"


def run(command: str) -> None:
    done = subprocess.run(["sh", "-c", command], check=False, capture_output=True, text=True)
    if done.returncode:
        raise OSError(done.stderr.strip())


class Disk:
    """A loop-mounted image that power can be cut from."""

    def __init__(self, folder: Path) -> None:
        self.image, self.copy = folder / "image", folder / "copy"
        self.mount, self.after = folder / "mount", folder / "after"
        for path in (self.mount, self.after):
            path.mkdir(exist_ok=True)
        self.image.unlink(missing_ok=True)
        run(
            f"truncate -s 48M {self.image} && mkfs.ext4 -q {self.image} "
            f"&& mount -o loop {self.image} {self.mount}"
        )

    def cut(self) -> Path:
        """Return where the disk is mounted as a power cut would have left it."""
        again = self.copy.with_suffix(".again")
        for _ in range(10):
            shutil.copyfile(self.image, self.copy)
            shutil.copyfile(self.image, again)
            if filecmp.cmp(self.copy, again, shallow=False):
                break
        run(f"mount -o loop {self.copy} {self.after}")
        return self.after

    def close(self) -> None:
        for path in (self.after, self.mount):
            subprocess.run(["umount", "-l", str(path)], check=False, capture_output=True)


def lost_in_one_cut(folder: Path, way: tuple[Attributes, Naming], durability: Durability) -> int:
    """Return how many acknowledged puts a power cut undid; anything torn fails the test."""
    try:
        disk = Disk(folder)
    except OSError as error:
        pytest.skip(f"can't mount a loop device here: {error}")
    said = os.open(folder / "said", os.O_RDWR | os.O_CREAT | os.O_TRUNC)

    def write() -> None:
        store = Store(disk.mount / "root", way, durability)
        number = 0
        while True:
            store.put(key_of(number), body_of(number), metadata={"n": str(number)})
            os.pwrite(said, b"%010d" % number, 0)
            number += 1

    child = forked(write)
    try:
        time.sleep(random.uniform(0.1, 0.7))
        os.kill(child, signal.SIGSTOP)
        acknowledged = int(os.pread(said, 10, 0) or b"-1")
        store = Store(disk.cut() / "root", way, durability)
        newest = {key_of(number): number for number in range(acknowledged + 1)}
        lost = sum(not is_kept(store, key, number) for key, number in newest.items())
        assert store.leftovers() == [] or durability == "fast"
        return lost
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(said)
        disk.close()


def is_kept(store: Store, key: str, number: int) -> bool:
    try:
        body = store.get(key)
    except NotFound:
        return False
    if hashlib.sha256(body[32:]).digest() != body[:32]:
        return False
    found = store.stat(key)
    return int(body[32:42]) >= number and found.metadata == {"n": str(int(body[32:42]))}


@pytest.mark.parametrize("way", [WAYS[0], WAYS[3]], ids="-".join)
def test_a_power_cut_undoes_nothing_that_was_acknowledged(
    tmp_path: Path, way: tuple[Attributes, Naming]
) -> None:
    lost = [lost_in_one_cut(tmp_path, way, "full") for _ in range(CUTS // 2)]
    assert lost == [0] * len(lost)


def test_the_power_cut_is_real(tmp_path: Path) -> None:
    assert any(lost_in_one_cut(tmp_path, WAYS[0], "fast") for _ in range(3))
