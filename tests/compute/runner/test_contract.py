"""What docs/compute-contract.md says of a runner, with either kind of storage."""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path

import pytest

from portable.compute import archive
from tests.compute.runner.attempts import Attempt


def test_a_command_runs_and_its_exit_code_and_log_are_told(attempt: Attempt) -> None:
    told = attempt.run("echo out; echo err >&2; exit 3")
    assert told["reason"] == "exit"
    assert told["tasks"] == [
        {"index": 0, "exit_code": 3, "reason": "exit", "seconds": told["tasks"][0]["seconds"]}
    ]
    assert attempt.log == b"out\nerr\n"
    assert told["log_bytes"] == 8
    assert told["log_dropped"] == 0
    started = json.loads(attempt.store.read("started") or b"{}")
    assert started["python"] == list(sys.version_info[:2])


def test_a_signal_that_ends_a_command_is_told(attempt: Attempt) -> None:
    assert attempt.run("kill -9 $$")["tasks"][0]["exit_code"] == -9


def test_an_array_has_a_folder_a_prefix_and_a_variable_for_each_task(attempt: Attempt) -> None:
    told = attempt.run(
        "echo $PORTABLE_JOB $PORTABLE_TASK_INDEX/$PORTABLE_TASK_COUNT $PORTABLE_ATTEMPT; ls; touch me; "
        "exit $PORTABLE_TASK_INDEX",
        tasks=[1, 4],
        count=5,
        slots=2,
    )
    assert sorted(attempt.log.splitlines()) == [b"[1] demo 1/5 1", b"[4] demo 4/5 1"]
    assert [(each["index"], each["exit_code"]) for each in told["tasks"]] == [(1, 1), (4, 4)]


def test_lines_of_tasks_that_run_at_once_are_never_mixed(folder: Attempt) -> None:
    folder.run(
        "for i in 1 2 3 4 5; do printf a; printf b; echo c; done; printf end",
        tasks=[0, 1, 2],
        slots=3,
    )
    lines = folder.log.splitlines()
    assert sorted(set(lines)) == sorted(
        b"[%d] %s" % (n, s) for n in range(3) for s in (b"abc", b"end")
    )
    assert len(lines) == 18


def test_values_of_the_environment_arrive_as_they_are(attempt: Attempt) -> None:
    values = {
        "PLAIN": "1",
        "LINES": "a\nb\n",
        "UNICODE": "grün ☃ 𝔘",
        "QUOTES": "'\"$(x)`\\",
        "EMPTY": "",
    }
    program = (
        "import json, os, sys; json.dump({k: os.environ[k] for k in sys.argv[1:]}, sys.stdout)"
    )
    attempt.run([sys.executable, "-X", "utf8", "-c", program, *values], env=values)
    assert json.loads(attempt.log) == values


def test_what_python_prints_is_seen_before_it_ends(folder: Attempt) -> None:
    folder.start(["python3", "-c", "import time; print('now'); time.sleep(20)"])
    folder.says(b"now")
    folder.store.write("cancel", b"")
    assert folder.wait() == 0


def test_inputs_and_files_are_in_the_tasks_folder(attempt: Attempt) -> None:
    attempt.run(
        "cat data/a/x data/y; ./run.sh; cat lib/mod.py",
        inputs=[attempt.store.input("data/a/x", b"X\n"), attempt.store.input("data/y", b"Y\n")],
        files={"run.sh": b"#!/bin/sh\necho ran\n", "lib/mod.py": b"pass\n"},
        executables=["run.sh"],
    )
    assert attempt.log == b"X\nY\nran\npass\n"


def test_tasks_share_files_that_they_cannot_change(folder: Attempt) -> None:
    given = folder.store.input("data/x", b"X")
    folder.run(
        "stat -c '%a %h' data/x; cat data/x; echo; echo more > data/own",
        tasks=[0, 1],
        inputs=[given],
    )
    assert folder.log.splitlines() == [b"[0] 444 2", b"[0] X", b"[1] 444 2", b"[1] X"]
    assert Path(given["file"]).stat().st_nlink == 1


def test_an_input_of_another_size_than_submitted_is_refused(attempt: Attempt) -> None:
    given = {**attempt.store.input("x", b"longer"), "size": 3}
    told = attempt.run("echo never", inputs=[given])
    assert told["reason"] == "inputs"
    assert "'x' has 6 bytes now and had 3" in told["detail"]
    assert told["tasks"][0]["exit_code"] is None
    assert told["segments"]["log"] == 0


def test_an_input_that_is_gone_is_named(attempt: Attempt) -> None:
    there = attempt.store.input("there", b"1")
    gone = json.loads(json.dumps(there).replace("there", "gone"))
    told = attempt.run("echo never", inputs=[there, gone])
    assert (told["reason"], told["tasks"][0]["reason"]) == ("inputs", "inputs")
    assert "'gone'" in told["detail"]
    assert "secret" not in told["detail"]


def test_inputs_that_fail_in_an_unforeseen_way_start_no_task(folder: Attempt) -> None:
    given = {**folder.store.input("x", b"1"), "file": "no\0path"}
    told = folder.run("echo never", inputs=[given, given])
    assert told["reason"] == told["tasks"][0]["reason"] == "lost"
    assert "ValueError" in told["detail"]
    assert told["segments"]["log"] == 0


def test_outputs_are_stored_with_their_sizes_and_checksums(attempt: Attempt) -> None:
    told = attempt.run(
        "mkdir -p out/sub; printf 1234 > out/sub/b; printf 12 > out/a; printf x > single; : > out/empty",
        outputs=["out", "single"],
    )
    assert told["reason"] == "exit"
    found = {each["path"]: attempt.store.read(f"out/{each['slot']}") for each in told["outputs"]}
    assert found == {"out/a": b"12", "out/empty": b"", "out/sub/b": b"1234", "single": b"x"}
    for each in told["outputs"]:
        data = found[each["path"]] or b""
        assert (each["task"], each["size"], each["crc32"]) == (0, len(data), zlib.crc32(data))


def test_an_output_that_is_missing_spoils_a_task_that_ended_well(attempt: Attempt) -> None:
    told = attempt.run("touch a", outputs=["a", "model.bin"])
    assert told["reason"] == told["tasks"][0]["reason"] == "outputs"
    assert told["tasks"][0]["exit_code"] == 0
    assert "'model.bin' isn't there" in told["detail"]


def test_a_task_that_failed_misses_no_outputs(attempt: Attempt) -> None:
    told = attempt.run("echo half > a; exit 2", outputs=["a", "b"])
    assert (told["reason"], told["tasks"][0]["exit_code"]) == ("exit", 2)
    assert [each["path"] for each in told["outputs"]] == ["a"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        ("ln -s /etc/hostname out", "outside of the task's folder"),
        ("mkdir out; ln -s ../.. out/up", "outside of the task's folder"),
        ("mkdir out; ln -s . out/again", "a folder that it is in"),
        ("ln -s nowhere out", "a link to nothing"),
        ("mkfifo out", "neither a file nor a folder"),
    ],
)
def test_links_that_lead_out_and_what_is_no_file_are_refused(
    folder: Attempt, make: str, said: str
) -> None:
    told = folder.run(make, outputs=["out"])
    assert told["reason"] == "outputs"
    assert said in told["detail"]
    assert told["outputs"] == []


def test_what_can_not_be_stored_keeps_nothing_else_from_it(attempt: Attempt) -> None:
    """After hours of training a socket in the folder must not cost the model."""
    told = attempt.run(
        "mkdir out; echo 1 > out/a; mkfifo out/b; ln -s nowhere out/c; ln -s /etc out/d; echo 2 > z",
        outputs=["out", "gone", "z"],
    )
    assert told["reason"] == told["tasks"][0]["reason"] == "outputs"
    assert [each["path"] for each in told["outputs"]] == ["out/a", "z"]
    for said in ("'out/b' is neither", "'out/c' is a link to nothing", "'out/d' is or has"):
        assert said in told["detail"]


def test_outputs_that_fail_in_an_unforeseen_way_are_a_failure(folder: Attempt) -> None:
    """A task whose outputs aren't stored hasn't succeeded, whatever went wrong."""
    told = folder.run("touch a", outputs=["a"], put_max="no number")
    assert told["reason"] == told["tasks"][0]["reason"] == "outputs"
    assert "couldn't be stored: TypeError" in told["detail"]


def test_links_within_the_tasks_folder_are_followed(folder: Attempt) -> None:
    told = folder.run("mkdir -p out/v1; echo 1 > out/v1/a; ln -s v1 out/latest", outputs=["out"])
    assert [each["path"] for each in told["outputs"]] == ["out/latest/a", "out/v1/a"]


def test_a_command_that_is_not_there_is_no_start(attempt: Attempt) -> None:
    told = attempt.run(["no-such-program", "x"], tasks=[0, 1])
    assert told["reason"] == "no start"
    assert told["detail"] == "'no-such-program' can't be started: No such file or directory"
    assert [each["exit_code"] for each in told["tasks"]] == [None, None]


def test_a_second_runner_of_an_attempt_ends_at_once(attempt: Attempt, tmp_path: Path) -> None:
    attempt.store.write("started", b"another's")
    attempt.start(f"touch {tmp_path}/ran")
    assert attempt.wait() == 3
    assert not (tmp_path / "ran").exists()
    assert attempt.store.read("started") == b"another's"
    assert attempt.store.read("exit") is None


def test_an_attempt_that_was_given_up_cannot_be_finished(attempt: Attempt) -> None:
    attempt.start("echo begun; sleep 0.3")
    attempt.until(lambda: attempt.store.read("started"), "the start")
    attempt.store.write("exit", b"given up")
    assert attempt.wait() == 4
    assert attempt.store.read("exit") == b"given up"


def test_a_runner_leaves_no_files(attempt: Attempt) -> None:
    attempt.run("mkdir d; echo x > d/x; chmod 500 d", tasks=[0, 1], files={"f": b""})
    assert [path.name for path in attempt.folder.iterdir()] == ["job.pyz"]


def test_a_sign_of_life_tells_what_is_done(attempt: Attempt) -> None:
    attempt.start("[ $PORTABLE_TASK_INDEX = 0 ] || sleep 20", tasks=[0, 1], heartbeat=0.05)

    def state() -> dict[str, object]:
        return json.loads(attempt.store.read("state") or b"{}")  # type: ignore[no-any-return]

    attempt.until(lambda: state().get("done") == {"0": 0}, "the first task's end")
    beat = state()["beat"]
    attempt.until(lambda: state()["beat"] != beat, "another beat")
    attempt.store.write("cancel", b"")
    assert attempt.wait() == 0


def test_the_archive_of_the_same_content_has_the_same_bytes(folder: Attempt) -> None:
    one = folder.make("true", files={"a": b"1"}).read_bytes()
    archive._runner.cache_clear()
    assert folder.make("true", files={"a": b"1"}).read_bytes() == one
    assert folder.make("true", files={"a": b"2"}).read_bytes() != one
