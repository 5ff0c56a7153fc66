"""``portable run``, ``jobs``, ``logs``, ``wait``, ``cancel``, ``reap`` and ``instances``, on this machine."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import portable
from tests.cli.conftest import Outcome, Run


def documents(outcome: Outcome) -> list[dict[str, Any]]:
    return [json.loads(line) for line in outcome.lines]


def test_a_command_runs_with_its_files_and_what_it_makes_is_kept(run: Run, folder: Path) -> None:
    (folder / "train.py").write_text(
        "import sys; open(sys.argv[1], 'w').write(input_ := 'model')\n"
    )
    ran = run("run", "-f", "--out", "m.bin=runs/7/m.bin", "--", "python3", "train.py", "m.bin")
    assert ran.code == 0, ran.err
    assert re.fullmatch(r"job-[0-9a-f-]+", ran.lines[0])
    assert "goes along: train.py" in ran.err
    assert f"{ran.lines[0]} succeeded, exit code 0" in ran.err
    assert portable.storage.get("runs/7/m.bin") == b"model"


def test_following_prints_the_log_and_ends_as_the_job_does(run: Run) -> None:
    ran = run("run", "-f", "--", "echo one; echo two >&2; exit 7")
    assert (ran.code, ran.lines[1:]) == (7, ["one", "two"])
    assert "failed, exit code 7" in ran.err


def test_what_it_costs_at_most_is_said_first(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTABLE_COMPUTE_USD_PER_HOUR", "0.05")
    ran = run("run", "--timeout", "2h", "--", "true")
    assert ran.err == "$0.0500 an hour, at most $0.10\n"


def test_an_array_is_told_apart_by_index(run: Run) -> None:
    ran = run("run", "--name", "array", "--count", "3", "-f", "--", "echo $PORTABLE_TASK_INDEX")
    assert sorted(ran.lines[1:]) == ["[0] 0", "[1] 1", "[2] 2"]
    assert run("logs", "array", "--task", "1").lines == ["1"]
    assert run("logs", "array", "--task", "3").code == 2


def test_a_job_is_found_again_by_its_name(run: Run) -> None:
    first = run("run", "--name", "again", "--json", "--", "echo hi")
    assert documents(first)[0]["id"] == "again"
    assert run("wait", "again").code == 0
    assert run("run", "--name", "again", "--", "echo hi").lines == ["again"]
    other = run("run", "--name", "again", "--", "echo ho")
    assert other.code == 5
    assert "does other work" in other.err
    (row,) = documents(run("jobs", "--json"))
    assert (row["id"], row["status"], row["exit_code"], row["work"]) == (
        "again",
        "succeeded",
        0,
        "echo hi",
    )
    assert run("jobs").lines[1].split()[:3] == ["again", "succeeded", "0"]


def test_a_submit_that_was_broken_off_hides_no_other_job(run: Run) -> None:
    """Its mark is there, and nothing else."""
    run("run", "--name", "done", "-f", "--", "true")
    portable.storage.put("portable/compute/recent/0000000000000-broken-off", b"")
    assert [row["id"] for row in documents(run("jobs", "--json"))] == ["done"]


def test_a_job_that_runs_can_be_cancelled(run: Run) -> None:
    run("run", "--name", "long", "--", "sleep 600")
    (row,) = documents(run("jobs", "--active", "--json"))
    assert row["id"] == "long"
    assert run("wait", "long", "--timeout", "0s").code == 6
    assert run("cancel", "long").code == 0
    waited = run("wait", "long", "--json")
    assert waited.code == 128 + signal.SIGTERM
    assert documents(waited)[0]["status"] == "cancelled"
    assert run("jobs", "--active").err == "no job\n"


def test_variables_come_from_the_line_or_from_this_shell(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LR", "0.1 é\n2")
    ran = run("run", "-f", "-e", "LR", "-e", "N=a=b", "--", 'printf "%s|%s" "$LR" "$N"')
    assert ran.lines[1:] == ["0.1 é", "2|a=b"]
    missing = run("run", "-e", "NOWHERE", "--", "true")
    assert missing.code == 2
    assert "no such variable" in missing.err


def test_what_a_job_reads_is_named_as_where_it_is_and_what_it_is(run: Run) -> None:
    portable.storage.put("datasets/digits/a", b"1")
    portable.storage.put("datasets/digits/b", b"2")
    assert run("run", "-f", "-i", "d=datasets/digits", "--", "cat d/a d/b").lines[1:] == ["12"]
    missing = run("run", "-i", "d=datasets/letters", "--", "true")
    assert missing.code == 3
    assert "datasets/letters" in missing.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name the command that is to run"),
        (("--timeout", "soon", "--", "true"), "is no time"),
        (("--in", "data", "--", "true"), "--in is NAME=VALUE"),
        (("--gpu", "L4", "--gpus", "-1", "--", "true"), "gpus"),
        (("--name", "No!", "--", "true"), "lower-case"),
        (("--spot", "--", "true"), "spot"),
    ],
)
def test_what_cannot_run_is_refused_before_it_costs(
    run: Run, words: tuple[str, ...], said: str
) -> None:
    refused = run("run", *words)
    assert refused.code in (1, 2)
    assert said in refused.err
    assert run("jobs").err == "no job\n"


def test_a_job_that_there_is_not(run: Run) -> None:
    for words in (("logs", "x"), ("wait", "x"), ("cancel", "x")):
        assert run(*words).code == 3


def test_machines_are_made_looked_at_and_ended(run: Run, folder: Path) -> None:
    (folder / "boot").write_text("sleep 600\n")
    made = documents(run("instances", "create", "mine", "--boot", "boot", "--wait", "--json"))[0]
    try:
        assert (made["name"], made["state"]) == ("mine", "running")
        assert [row["id"] for row in documents(run("instances", "list", "--json"))] == [made["id"]]
        assert run("instances", "get", made["id"]).lines[1].split()[:2] == [made["id"], "running"]
        assert run("instances", "stop", made["id"]).code == 1
        assert run("reap").err == "no machine is left over\n"
    finally:
        assert run("instances", "terminate", made["id"]).code == 0
    assert run("instances", "list").err == "no machine\n"
    assert run("instances", "get", "nobody").code == 3


def test_reap_tells_of_a_machine_past_its_end_and_ends_it_when_told(run: Run, folder: Path) -> None:
    (folder / "boot").write_text("sleep 600\n")
    run("instances", "create", "--boot", "boot", "--lifetime", "1s")
    time.sleep(2.1)
    looked = run("reap")
    assert len(looked.lines) == 1
    assert "1 would be ended: add --yes" in looked.err
    assert run("reap", "--yes").lines == looked.lines
    assert run("reap").err == "no machine is left over\n"


@pytest.mark.parametrize(("answer", "status"), [(b"n\n", "running"), (b"y\n", "cancelled")])
def test_ctrl_c_asks_whether_the_job_goes_on(
    run: Run, folder: Path, answer: bytes, status: str
) -> None:
    leader, terminal = pty.openpty()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "portable",
            "run",
            "--name",
            "asked",
            "-f",
            "--",
            "echo up; sleep 600",
        ],
        cwd=folder,
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=terminal,
        start_new_session=True,
        env={**os.environ, "TERM": "dumb"},
        # As in a terminal: a shell's background process is born with SIGINT ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    os.close(terminal)
    assert process.stdout is not None
    try:
        assert [process.stdout.readline() for _ in range(2)] == [b"asked\n", b"up\n"]
        os.kill(process.pid, signal.SIGINT)
        seen = b""
        while b"Else it goes on" not in seen:
            seen += os.read(leader, 4096)
        os.write(leader, answer)
        assert process.wait(30) == 130
        (row,) = documents(run("jobs", "--json"))
        assert row["status"] == status
    finally:
        process.kill()
        process.stdout.close()
        os.close(leader)
        run("cancel", "asked")
        run("wait", "asked")
