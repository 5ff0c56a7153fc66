"""``portable sync`` and ``portable cp -r``."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import portable
from portable.storage import Bucket
from tests.cli.conftest import Run
from tests.cli.test_processes import on_a_terminal

FILES = {"a.txt": b"1", "x/b.txt": b"22", "x/c.log": b"333"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing remembered."""
    monkeypatch.setenv("PORTABLE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def source(folder: Path) -> Path:
    """A folder of three files."""
    for name, body in FILES.items():
        path = folder / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return folder / "source"


def keys(bucket: Bucket) -> list[str]:
    return [info.key for info in bucket.list()]


def test_a_folder_into_a_bucket_and_back(
    run: Run, folder: Path, source: Path, in_memory: Bucket
) -> None:
    """And a summary."""
    up = run("sync", "source", "portable://runs/7")
    assert (up.code, up.text) == (0, "")
    assert up.err.startswith("sent 3 (6 B), skipped 0, deleted 0, failed 0, in ")
    assert keys(in_memory) == [f"runs/7/{name}" for name in FILES]
    assert run("sync", "-q", "portable://runs/7", "down").err == ""
    assert (folder / "down/x/b.txt").read_bytes() == b"22"
    assert run("sync", "portable://runs/7", "down").err.startswith("sent 0 (0 B), skipped 3")
    assert run("sync", "portable://runs", "memory://other/copy").code == 0
    assert keys(portable.open_bucket("memory://other")) == [f"copy/7/{name}" for name in FILES]


def test_cp_of_a_folder_needs_to_be_said(
    run: Run, folder: Path, source: Path, in_memory: Bucket
) -> None:
    """What is in it goes into the target, chosen by patterns; options that go elsewhere don't."""
    assert run("cp", "source", "portable://runs").code == 2
    assert run("cp", "--dry-run", "source/a.txt", "portable://runs").code == 2
    assert run("cp", "-r", "source", "portable://runs", "--if-absent").code == 2
    assert run("cp", "-r", "source", "source", "portable://runs").code == 2
    dry = run("cp", "-r", "source", "portable://runs", "--exclude", "*.log", "--dry-run")
    assert (dry.code, dry.lines) == (0, ["send\ta.txt", "send\tx/b.txt"])
    assert dry.err.startswith("would send 2 (3 B)")
    assert keys(in_memory) == []
    assert run("cp", "-r", "source", "portable://runs", "--include", "x/*").code == 0
    assert keys(in_memory) == ["runs/x/b.txt", "runs/x/c.log"]
    assert run("cp", "-r", "portable://runs", "down").code == 0
    assert (folder / "down/x/c.log").read_bytes() == b"333"


def test_delete_is_asked_for_and_shown(run: Run, source: Path, in_memory: Bucket) -> None:
    """With --dry-run first."""
    in_memory.put("runs/old", b"1")
    assert run("sync", "source", "portable://runs").code == 0
    dry = run("sync", "source", "portable://runs", "--delete", "--dry-run")
    assert dry.lines == ["delete\told"]
    assert in_memory.exists("runs/old")
    assert "deleted 1" in run("sync", "source", "portable://runs", "--delete").err
    assert not in_memory.exists("runs/old")


def test_a_failure_is_told_and_the_rest_goes_on(run: Run, source: Path, in_memory: Bucket) -> None:
    """Exit code 1, also as a document."""
    (source / "link").symlink_to("a.txt")
    outcome = run("sync", "source", "portable://runs")
    assert (outcome.code, len(keys(in_memory))) == (1, 3)
    assert "error: link: not a file but a symbolic link" in outcome.err
    assert "failed 1" in outcome.err
    told = run("sync", "source", "portable://runs", "--json")
    assert told.code == 1
    assert told.document | {"seconds": 0} == {
        "dry_run": False, "sent": 0, "skipped": 3, "deleted": 0, "failed": 1, "bytes": 0,
        "seconds": 0, "failures": told.document["failures"], "changes": [],
    }  # fmt: skip
    assert told.document["failures"][0]["name"] == "link"
    assert told.document["failures"][0]["type"] == "InvalidArgument"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["empty", "portable://runs", "--delete"], 3, "--allow-empty"),
        (["nowhere", "portable://runs", "--delete"], 3, "no local folder"),
        (["portable://nothing", "down"], 3, "there is nothing"),
        (["source/a.txt", "portable://runs"], 2, "not a folder"),
        (["source", "empty"], 2, "both are folders of this machine"),
        (["portable://k", "portable://k/x"], 2, "overlap"),
        (["portable://k*", "down"], 2, "--include"),
        (["source", "portable://runs", "--on", "spark"], 2, "'ray'"),
        (["source", "portable://runs", "--workers", "0"], 2, "workers"),
    ],
)
def test_a_line_that_cant_be_meant(
    run: Run, folder: Path, source: Path, in_memory: Bucket, words: list[str], code: int, said: str
) -> None:
    """Nothing was done."""
    in_memory.put("runs/old", b"1")
    (folder / "empty").mkdir()
    outcome = run("sync", *words)
    assert outcome.code == code
    assert said in outcome.err
    assert keys(in_memory) == ["runs/old"]


def test_cp_of_several_tells_of_what_was_done_before_one_failed(
    run: Run, source: Path, in_memory: Bucket
) -> None:
    """As a document on stdout, and the error on stderr."""
    outcome = run("cp", "--json", "source/a.txt", "source/nope", "portable://x/")
    assert outcome.code == 3
    assert [each["target"] for each in outcome.document["copied"]] == ["memory://default/x/a.txt"]
    assert "no local file" in outcome.err
    assert run("cp", "--json", "source/nope", "portable://x/").out == b""


def test_a_bar_on_a_terminal(folder: Path, source: Path) -> None:
    """Of folders, and of a copy from bucket to bucket; none with -q or --json."""
    (source / "large").write_bytes(bytes(4 * 1024**2))
    there = f"file://{folder}/there/"
    code, shown = on_a_terminal("sync", "source", there, stream="stderr")
    assert code == 0
    assert "objects" in shown
    assert "sent 4 (4.0 MiB)" in shown
    assert on_a_terminal("sync", "-q", "source", there, stream="stderr") == (0, "")
    assert on_a_terminal("sync", "--json", "source", there, stream="stderr") == (0, "")
    code, shown = on_a_terminal("cp", f"{there}large", f"file://{folder}/copy/", stream="stderr")
    assert code == 0
    assert "large" in shown


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (
            signal.SIGINT,
            130,
            b"what was sent stays; the same command again sends the rest\nerror: interrupted\n",
        ),
        (signal.SIGTERM, 143, b""),
    ],
)
def test_a_signal_ends_a_sync_cleanly(
    folder: Path, number: signal.Signals, code: int, said: bytes
) -> None:
    """No file in part; a second run ends it."""
    for name in range(40):
        path = folder / "many" / f"{name}"
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            file.truncate(32 * 1024**2)
    words = [sys.executable, "-m", "portable", "sync", "many", f"file://{folder}/there/"]
    with subprocess.Popen(
        words,
        stderr=subprocess.PIPE,
        # A shell's background jobs, and all that they start, ignore the interrupt.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        assert process.stderr
        deadline = time.monotonic() + 30
        while not list(folder.glob("there/[0-9]*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(number)
        assert (process.wait(30), process.stderr.read()) == (code, said)
    arrived = list(folder.glob("there/[0-9]*"))
    assert 0 < len(arrived) < 40
    assert {path.stat().st_size for path in arrived} == {32 * 1024**2}
