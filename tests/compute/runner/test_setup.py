"""What makes a machine ready, once, before its tasks."""

from __future__ import annotations

from tests.compute.runner.attempts import Attempt


def test_it_runs_once_beside_the_files_and_before_the_tasks(attempt: Attempt) -> None:
    told = attempt.run(
        "echo task $PORTABLE_TASK_INDEX",
        tasks=[0, 1],
        setup="cat requirements.txt; echo ready for $WHOM",
        env={"WHOM": "all"},
        files={"requirements.txt": b"numpy\n"},
    )
    assert [each["exit_code"] for each in told["tasks"]] == [0, 0]
    lines = attempt.log.decode().splitlines()
    assert lines[:2] == ["numpy", "ready for all"]
    assert sorted(lines[2:]) == ["[0] task 0", "[1] task 1"]


def test_no_task_begins_where_it_fails(attempt: Attempt) -> None:
    told = attempt.run("echo never", setup="echo no network; exit 9")
    assert told["reason"] == "no start"
    assert told["detail"] == "'setup' ended with exit code 9"
    assert [(each["exit_code"], each["reason"]) for each in told["tasks"]] == [(None, "no start")]
    assert attempt.log == b"no network\n"


def test_it_ends_at_the_jobs_timeout(folder: Attempt) -> None:
    told = folder.run("echo never", setup="sleep 60", timeout=0.3)
    assert (told["reason"], told["tasks"][0]["exit_code"]) == ("timeout", None)
    assert folder.log == b""
