"""The order of system calls that durability rests on, as the kernel saw it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .support import WAYS

STRACE = shutil.which("strace")
pytestmark = pytest.mark.skipif(STRACE is None, reason="needs strace")

SCRIPT = """
import os, sys, zlib
from portable.storage.driver import WriteOptions
from portable_local.settings import LocalSettings
from portable_local.storage import LocalStorage
root, attributes, naming, durability = sys.argv[1:]
driver = LocalStorage(
    LocalSettings(path=root, durability=durability), attributes=attributes, naming=naming
)
def put(key, body):
    driver.put(key, body, zlib.crc32(body), WriteOptions(content_type="a/b", metadata={}))
for step in (lambda: put("new/a", b"1"), lambda: put("new/a", b"2"),
             lambda: driver.delete(["new/a"])):
    os.access("/step", os.F_OK)
    step()
"""
CALLS = "access,openat,mkdirat,write,pwrite64,fsync,link,linkat,rename,renameat,renameat2,unlinkat"


def traced(tmp_path: Path, *arguments: str) -> list[list[str]]:
    """Return the steps' calls, each as ``name path``."""
    log = tmp_path / "log"
    command = [str(STRACE), "-y", "-e", f"trace={CALLS}", "-o", str(log)]
    command += [sys.executable, "-c", SCRIPT, str(tmp_path / "root"), *arguments]
    run = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
    )
    if "ptrace" in run.stderr.lower():
        pytest.skip("this system doesn't let processes be traced")
    assert run.returncode == 0, run.stderr
    steps: list[list[str]] = []
    for line in log.read_text().splitlines():
        if '"/step"' in line:
            steps.append([])
        elif steps and str(tmp_path / "root") in line and "= -1" not in line:
            name = line.split("(")[0]
            paths = re.findall(re.escape(str(tmp_path / "root")) + r"([^>]*)>", line)
            steps[-1].append(f"{name} {paths[0]}" if paths else name)
    return steps


def position(calls: list[str], pattern: str, after: int = -1) -> int:
    for index, call in enumerate(calls):
        if index > after and re.fullmatch(pattern, call):
            return index
    raise AssertionError(f"no {pattern} after {after} in {calls}")


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_data_is_synced_before_it_is_published_and_the_folder_after(
    tmp_path: Path, way: tuple[str, str]
) -> None:
    new, over, delete = traced(tmp_path, *way, "full")
    staged = r"fsync /.*(#\d+.*|staging/\w+.*)"

    made = max(index for index, call in enumerate(new) if call == "mkdirat ")
    position(new, "fsync ", made)
    written = position(new, "pwrite64 .*")
    synced = position(new, staged, written)
    linked = position(new, "link(at)? .*", synced)
    position(new, "fsync /new", linked)

    written = position(over, "pwrite64 .*")
    synced = position(over, staged, written)
    renamed = position(over, "rename(at2?)? .*", synced)
    position(over, "fsync /new", renamed)

    removed = position(delete, "(unlinkat|renameat2?|rename) .*new.*")
    position(delete, "fsync /new", removed)


def test_fast_syncs_nothing(tmp_path: Path) -> None:
    assert not [
        call
        for step in traced(tmp_path, "auto", "auto", "fast")
        for call in step
        if call.startswith("fsync")
    ]
