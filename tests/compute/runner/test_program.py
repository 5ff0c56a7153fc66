"""The runner goes to machines that have nothing but an older Python; the boot script, to plain ``sh``."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import portable.compute.runner
from portable.compute import boot
from portable.compute.archive import SIZE_MAX, make_archive
from portable.compute.boot import boot_script
from portable.errors import InvalidArgument
from tests.compute.runner.attempts import Attempt, is_there
from tests.compute.runner.objects import Objects

MODULES = sorted(Path(portable.compute.runner.__path__[0]).glob("*.py"))
URL_LENGTH = 450  # of S3's, as seen
SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_a_module_is_python_3_9_and_needs_the_standard_library_only(module: Path) -> None:
    tree = ast.parse(module.read_text(), feature_version=(3, 9))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= sys.stdlib_module_names
        elif isinstance(node, ast.ImportFrom) and not node.level:
            assert (node.module or "").partition(".")[0] in sys.stdlib_module_names


def test_an_archive_that_is_too_large_is_refused() -> None:
    class Large(bytes):
        def __len__(self) -> int:
            return SIZE_MAX + 1

    with pytest.raises(InvalidArgument, match="put it into storage"):
        make_archive({}, files={"a": Large()})


def script(url: str, **said: object) -> str:
    usual = {"is_path": False, "python": "python3", "lifetime": 4200.5, "machine": True}
    return boot_script(archive=url, **{**usual, **said})  # type: ignore[arg-type]


def test_a_script_is_below_a_kibibyte() -> None:
    url = "https://bucket.example/" + "x" * (URL_LENGTH - 23)
    for machine in (True, False):
        assert len(script(url, machine=machine).encode()) < 1024


def test_only_a_machine_is_powered_off() -> None:
    assert script("https://x/").endswith("\npoweroff\n")
    assert "poweroff" not in script("https://x/", machine=False)
    assert "poweroff" not in script("/x", machine=False, is_path=True)


def run(shell: str, text: str, folder: Path, **environment: str) -> subprocess.Popen[bytes]:
    """As a machine runs its script, where ``poweroff`` leaves a mark."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    poweroff = programs / "poweroff"
    poweroff.write_text(f"#!/bin/sh\necho off >> '{folder}/off'\n")
    poweroff.chmod(0o755)
    (folder / "boot").write_text(text)
    return subprocess.Popen(
        [shell, *(["sh"] if shell == "busybox" else []), "boot"],
        cwd=folder,
        env={
            "PATH": f"{programs}:{os.environ['PATH']}",
            "TMPDIR": str(folder),
            **environment,
        },
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("machine", [True, False])
def test_a_script_fetches_and_runs_the_archive(
    signed: Attempt, objects: Objects, tmp_path: Path, shell: str, machine: bool
) -> None:
    objects.content["job's.pyz"] = signed.make("echo ran; pwd").read_bytes()
    url = f"http://127.0.0.1:{objects.port}/job's.pyz?a=1&b=$HOME"
    text = script(url, python=sys.executable, machine=machine)
    with run(shell, text, tmp_path / "there") as process:
        assert process.wait(20) == 0
    assert signed.log.startswith(b"ran\n")
    assert (tmp_path / "there" / "off").exists() == machine
    if not machine:
        assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["bin", "boot"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_watchdog_leaves_nothing_behind_when_the_job_has_ended(
    signed: Attempt, objects: Objects, tmp_path: Path, shell: str
) -> None:
    objects.content["job.pyz"] = signed.make("echo ran").read_bytes()
    text = script(f"http://127.0.0.1:{objects.port}/job.pyz", python=sys.executable)
    with run(shell, text, tmp_path / "there") as process:
        assert process.wait(20) == 0
    deadline = time.monotonic() + 10
    while is_group_there(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_group_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_script_does_without_curl(signed: Attempt, objects: Objects, tmp_path: Path) -> None:
    objects.content["job.pyz"] = signed.make("echo ran").read_bytes()
    text = script(f"http://127.0.0.1:{objects.port}/job.pyz", python=sys.executable)
    text = text.replace("curl", "there-is-no-curl")
    with run("sh", text, tmp_path / "there") as process:
        assert process.wait(20) == 0
    assert signed.log == b"ran\n"


def test_a_machine_without_python_is_powered_off(tmp_path: Path, objects: Objects) -> None:
    objects.content["job.pyz"] = b"anything"
    text = script(f"http://127.0.0.1:{objects.port}/job.pyz", python="no-such-python")
    with run("sh", text, tmp_path / "there") as process:
        process.wait(20)
    assert (tmp_path / "there" / "off").exists()


def test_a_watchdog_powers_a_machine_off_that_hangs(tmp_path: Path, objects: Objects) -> None:
    objects.content["job.pyz"] = b"import time; time.sleep(60)"
    url = f"http://127.0.0.1:{objects.port}/job.pyz"
    text = script(url, python=sys.executable, lifetime=0.5)
    there = tmp_path / "there"
    with run("sh", text, there) as process:
        end = time.monotonic() + 10
        while not (there / "off").exists():
            assert time.monotonic() < end
            time.sleep(0.01)
        assert process.poll() is None
        os.killpg(process.pid, 9)


def test_a_watchdog_ends_when_the_runner_was_killed(
    folder: Attempt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boot, "_LOOK", 1)
    path = folder.make("ps -o pid= --ppid $PPID; sleep 67")
    text = script(str(path), is_path=True, python=sys.executable, machine=False)
    with run("sh", text, tmp_path / "there") as process:
        end = time.monotonic() + 10
        while not (said := folder.store.read("log/0000")):
            assert time.monotonic() < end
            time.sleep(0.01)
        process.kill()
        process.wait()
        kin = [int(pid) for pid in said.split()]
        watchdog = [pid for pid in kin if is_there(pid) and not _leads(pid)]
        assert watchdog
        while any(map(is_there, watchdog)):
            assert time.monotonic() < end
            time.sleep(0.05)
        for pid in filter(_leads, filter(is_there, kin)):
            os.killpg(pid, 9)


def _leads(pid: int) -> bool:
    """Does it lead a group, as a task does?"""
    return os.getpgid(pid) == pid


def test_a_watchdog_without_a_machine_ends_with_the_job(folder: Attempt, tmp_path: Path) -> None:
    path = folder.make(
        "ps -o pid= --ppid $PPID > kin; ps -o ppid= -p $PPID >> kin", outputs=["kin"]
    )
    text = script(str(path), is_path=True, python=sys.executable, machine=False)
    with run("sh", text, tmp_path / "there") as process:
        assert process.wait(20) == 0
    kin = (folder.store.read("out/0000") or b"").split()[:-1]
    assert len(kin) >= 2  # the command, and the watchdog
    assert not any(is_there(int(pid)) for pid in kin)
