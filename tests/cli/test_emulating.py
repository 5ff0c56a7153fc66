"""`portable emulate`, as a process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.conftest import Run

PORTABLE = [sys.executable, "-m", "portable"]


@contextmanager
def emulating(*words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*PORTABLE, "emulate", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs, and all that they start, ignore the interrupt.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _is_gone(endpoint: str) -> bool:
    where = urlsplit(endpoint)
    with socket.socket() as probe:
        return probe.connect_ex((where.hostname, where.port)) != 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_printed_can_be_sourced_until_it_is_stopped(number: signal.Signals) -> None:
    """In any shell; then nothing is left, and that isn't an error."""
    with emulating("gcp") as process:
        assert process.stdout
        assert process.stderr
        lines = iter(process.stdout.readline, "")
        source = next(line for line in lines if line.startswith(". ")).strip()
        portable = " ".join(PORTABLE)
        script = f"{source} && echo body | {portable} cp - portable://k && {portable} cat k"
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "body\n")
        assert "[gcp]\n" in lines
        process.send_signal(number)
        assert process.wait(20) == 0
        said = process.stderr.read()
        assert said.startswith("gcp: starting FakeGcs")
        assert "\ngcp: FakeGcs at http://127.0.0.1:" in said
        assert not Path(source.removeprefix(". ")).parent.exists()


def test_programs_read_one_document() -> None:
    with emulating("gcp", "--json") as process:
        assert process.stdout
        told = json.loads(process.stdout.readline())
        endpoint = told["providers"]["gcp"]["servers"]["FakeGcs"]
        assert told["environment"]["STORAGE_EMULATOR_HOST"] == endpoint
        assert told["environment"]["PORTABLE_CONFIG"] == told["file"]
        assert "PORTABLE_STORAGE" in told["unset"]
        assert not _is_gone(endpoint)
        process.terminate()
        assert process.wait(20) == 0
        assert _is_gone(endpoint)


def _run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PORTABLE, "emulate", *words],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_program_is_run_with_the_stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its options are its own, its output alone is on stdout, and its exit code is ours."""
    code = (
        "import portable, os, sys; portable.storage.put('k', b'1');"
        "print(portable.open_bucket().url, sys.argv[1:], os.environ['STORAGE_EMULATOR_HOST']);"
        "sys.exit(7)"
    )
    done = _run("gcp", "--", sys.executable, "-c", code, "--json", "--", PORTABLE_STORAGE="s3://x")
    url, *argv, endpoint = done.stdout.split()
    assert (done.returncode, url, " ".join(argv)) == (7, "gs://emulated", "['--json', '--']")
    assert _is_gone(endpoint)


def test_the_profile_that_is_named_is_the_default() -> None:
    shown = [sys.executable, "-c", "import portable; print(portable.open_bucket().url)"]
    assert _run("gcp", "--profile", "gcp", "--", *shown).stdout == "gs://emulated\n"
    done = _run("gcp", "--profile", "local", "--", *shown)
    assert (done.returncode, "'local' isn't among" in done.stderr) == (2, True)


def test_a_program_that_is_asked_to_end_has_time_to(tmp_path: Path) -> None:
    """The stand-ins are there until it has ended."""
    code = (
        "import pathlib, portable, signal, sys, time\n"
        "def end(*_): portable.storage.put('k', b'1'); sys.exit(3)\n"
        "signal.signal(signal.SIGTERM, end); signal.signal(signal.SIGINT, end)\n"
        f"pathlib.Path({str(tmp_path / 'up')!r}).touch(); time.sleep(60)"
    )
    for interrupt in (False, True):
        (tmp_path / "up").unlink(missing_ok=True)
        with emulating("gcp", "-q", "--", sys.executable, "-c", code) as process:
            while not (tmp_path / "up").exists():
                assert process.poll() is None
                time.sleep(0.02)
            if interrupt:  # a terminal interrupts us, too
                process.send_signal(signal.SIGINT)
                time.sleep(0.1)
                assert process.poll() is None
            process.terminate()
            assert process.wait(20) == 3


def test_a_program_that_a_signal_ends_has_a_shells_code() -> None:
    assert _run("gcp", "--", "sh", "-c", "kill -TERM $$").returncode == 143


def test_words_that_cant_be_used_start_nothing(run: Run) -> None:
    """Exit code 2."""
    for words, said in {
        ("azur",): "did you mean 'azure'",
        (): "name the providers to emulate",
        ("gcp", "--"): "no program is named",
        ("gcp", "--", "no-such-program"): "there is no program 'no-such-program'",
    }.items():
        outcome = run("emulate", *words)
        assert (outcome.code, said in outcome.err, outcome.out) == (2, True, b""), outcome.err
        assert "starting" not in outcome.err


def test_a_server_that_cant_be_had_is_an_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTABLE_TEST_CACHE", "/dev/null/none")
    outcome = run("emulate", "aws", "gcp")
    assert outcome.code == 1
    assert "error: ministack: " in outcome.err
    assert "/dev/null/none" in outcome.err


@pytest.mark.skipif(sys.platform != "linux", reason="FakeKubernetes needs Linux")
def test_a_cluster_runs_a_job_from_the_line(tmp_path: Path) -> None:
    """Its log and its exit code are the job's."""
    run = [*PORTABLE, "run", "-f", "-q", "--", "sh", "-c", "echo on $PORTABLE_TASK_INDEX; exit 3"]
    done = subprocess.run(
        [*PORTABLE, "emulate", "kubernetes", "-q", "--", *run],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    job, line = done.stdout.splitlines()
    assert (done.returncode, line, done.stderr) == (3, "on 0", "")
    assert job.startswith("job-")
