"""What a job's entrypoint does, started as Ray starts it, without Ray."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portable_ray.entrypoint import BOOT_MAX, entrypoint

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is adopted is Linux's")
FAMILY = "(setsid sh -c 'trap \"\" TERM HUP; echo $$ > {pid}.new; mv {pid}.new {pid}; sleep 60' &)"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    begun = []

    def started(boot: str) -> subprocess.Popen[bytes]:
        line = entrypoint(boot, sys.executable)
        around = {**os.environ, "TMPDIR": str(tmp_path)}
        job = subprocess.Popen(line, shell=True, start_new_session=True, env=around)
        begun.append(job)
        return job

    yield started
    for job in begun:
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)
            job.wait()


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_gone(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"


def test_exit_code_is_the_scripts(start: Callable[[str], subprocess.Popen[bytes]]) -> None:
    assert start("exit 7").wait(20) == 7
    assert start("kill -9 $$").wait(20) == 128 + 9


def test_script_runs_as_it_is_in_a_folder_that_ends_with_it(
    start: Callable[[str], subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    said = "'\"$HOME` ünï\\n"
    boot = f"cat > {tmp_path}/copy <<'END'\n{said}\nEND\npwd > {tmp_path}/where\ntouch left\n"
    boot += "#" * (BOOT_MAX - len(boot.encode()))
    assert start(boot).wait(20) == 0
    assert (tmp_path / "copy").read_text() == f"{said}\n"
    folder = Path((tmp_path / "where").read_text().strip())
    assert folder.parent == tmp_path
    assert not folder.exists()


@pytest.mark.parametrize("end", ["script", "asked", "killed"])
def test_end_takes_along_what_left_its_group_and_its_parents(
    end: str, start: Callable[[str], subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    """Also where Ray's own part is killed, and with it all of its group."""
    pid, go = tmp_path / "pid", tmp_path / "go"
    job = start(f"{FAMILY.format(pid=pid)}\nwhile [ ! -e {go} ]; do sleep 0.05; done\nexit 3")
    until(pid.exists)
    child = int(pid.read_text())
    assert not is_gone(child)
    if end == "script":
        go.touch()
        assert job.wait(20) == 3
    elif end == "asked":
        for line in Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split():
            os.kill(int(line), signal.SIGTERM)  # Ray asks the process and all below it
        assert job.wait(20) == 128 + signal.SIGTERM
    else:
        os.killpg(job.pid, signal.SIGKILL)
        job.wait(20)
    until(lambda: is_gone(child))
    until(lambda: not list(tmp_path.glob("portable-*")))
