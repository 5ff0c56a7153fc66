"""However a job ends, nothing of it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.compute.runner.attempts import Attempt, is_there

DAEMON = (
    "import os, time, sys; os.fork() and os._exit(0); os.setsid(); "
    "os.fork() and os._exit(0); open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
)


def test_a_command_that_ignores_sigterm_is_killed_with_its_children(
    folder: Attempt, tmp_path: Path
) -> None:
    told = folder.run(
        f"trap '' TERM; sleep 61 & echo $! > {tmp_path}/child; echo $$ > {tmp_path}/own; sleep 62; sleep 63",
        timeout=1.5,  # a busy machine may need some of it to come to the trap
    )
    assert told["reason"] == told["tasks"][0]["reason"] == "timeout"
    assert "1.5 seconds" in told["detail"]
    assert told["tasks"][0]["exit_code"] == -signal.SIGKILL
    assert 1.8 < told["seconds"] < 20
    for name in ("child", "own"):
        assert not is_there(int((tmp_path / name).read_text()))


def test_a_command_may_say_goodbye_at_its_timeout(folder: Attempt) -> None:
    told = folder.run(
        "trap 'echo saved > ckpt; exit 5' TERM; sleep 60 & wait",
        timeout=1.5,
        grace=5.0,
        outputs=["ckpt"],
    )
    assert (told["reason"], told["tasks"][0]["exit_code"]) == ("timeout", 5)
    assert [each["path"] for each in told["outputs"]] == ["ckpt"]


def test_tasks_that_never_began_end_for_the_same_reason(folder: Attempt) -> None:
    told = folder.run("[ $PORTABLE_TASK_INDEX = 0 ] || sleep 60", tasks=[0, 1, 2], timeout=1.5)
    ends = [(each["exit_code"], each["reason"]) for each in told["tasks"]]
    assert ends == [(0, "exit"), (-signal.SIGTERM, "timeout"), (None, "timeout")]


def test_a_wish_to_cancel_is_seen_at_a_heartbeat(attempt: Attempt) -> None:
    attempt.start("echo begun; sleep 60", heartbeat=0.1, outputs=["x"])
    attempt.says(b"begun")
    attempt.store.write("cancel", b"")
    assert attempt.wait() == 0
    assert attempt.exit["reason"] == attempt.exit["tasks"][0]["reason"] == "cancelled"


def test_a_job_can_be_cancelled_while_its_inputs_come(signed: Attempt) -> None:
    given = signed.store.input("big", b"x")
    given["get"]["url"] = "http://127.0.0.1:9/closed"  # tried again and again
    signed.start("echo never", inputs=[given], heartbeat=0.1)
    signed.until(lambda: signed.store.read("state"), "a sign of life")
    signed.store.write("cancel", b"")
    assert signed.wait() == 0
    assert signed.exit["reason"] == "cancelled"
    assert signed.exit["segments"]["log"] == 0


def test_a_task_that_heard_it_first_is_preempted_too(attempt: Attempt) -> None:
    """A machine that goes away asks all of its processes to end, one after the other."""
    process = attempt.start("echo $$; exec sleep 60", grace=5.0)
    attempt.says(b"\n")
    os.kill(int((attempt.store.read("log/0000") or b"").split()[0]), signal.SIGTERM)
    time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert attempt.wait() == 0
    assert attempt.exit["reason"] == attempt.exit["tasks"][0]["reason"] == "preempted"


def test_a_task_that_somebody_else_ended_has_ended_by_itself(folder: Attempt) -> None:
    """Its exit code tells of it; the machine is there."""
    told = folder.run("kill -TERM $$; sleep 60")
    assert told["reason"] == told["tasks"][0]["reason"] == "exit"
    assert told["tasks"][0]["exit_code"] == -signal.SIGTERM


def test_sigterm_is_the_notice_that_the_machine_goes_away(attempt: Attempt) -> None:
    process = attempt.start(
        "trap 'echo saved; exit 0' TERM; echo begun; sleep 60 & wait", grace=5.0
    )
    attempt.says(b"begun")
    process.send_signal(signal.SIGTERM)
    assert attempt.wait() == 0
    told = attempt.exit
    assert told["reason"] == told["tasks"][0]["reason"] == "preempted"
    assert told["tasks"][0]["exit_code"] == 0
    assert attempt.log.endswith(b"saved\n")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans on")
def test_what_a_task_left_running_ends_with_the_job(folder: Attempt, tmp_path: Path) -> None:
    left = tmp_path / "left"
    folder.run(
        f'sleep 64 & {sys.executable} -c "{DAEMON}" {left}.1; env -i {sys.executable} -c "{DAEMON}" {left}.2; '
        f"echo $! > {left}.3; while [ ! -s {left}.1 ] || [ ! -s {left}.2 ]; do sleep 0.01; done"
    )
    for number in (1, 2, 3):
        assert not is_there(int(Path(f"{left}.{number}").read_text()))


def test_what_a_task_left_in_its_group_ends_before_the_next_one_begins(
    folder: Attempt, tmp_path: Path
) -> None:
    child = tmp_path / "child"
    folder.run(
        f"[ $PORTABLE_TASK_INDEX = 1 ] || {{ sleep 66 & echo $! > {child}; exit; }}; "
        f"case $(ps -o stat= -p $(cat {child})) in ''|Z*) echo gone;; *) echo there;; esac",
        tasks=[0, 1],
    )
    assert folder.log.splitlines()[-1] == b"[1] gone"


def test_a_job_ends_though_something_it_left_holds_its_output(folder: Attempt) -> None:
    began = time.monotonic()
    folder.run("setsid sleep 65 & echo done")
    assert folder.log == b"done\n"
    assert time.monotonic() - began < 10


def test_a_disk_that_is_full_is_an_end_that_is_told(folder: Attempt) -> None:
    """Another machine may have room."""
    path = folder.make("echo never", tasks=[0, 1], files={"f": b"x" * 100_000})
    limited = ["sh", "-c", 'ulimit -f 16; exec "$@"', "sh", sys.executable, "-IS", str(path)]
    subprocess.run(limited, cwd=folder.folder, check=True, stderr=subprocess.PIPE)
    assert folder.exit["reason"] == "lost"
    assert folder.exit["detail"] == "the runner failed: OSError: [Errno 27] File too large"
    assert [each["exit_code"] for each in folder.exit["tasks"]] == [None, None]


def test_a_clock_that_is_an_hour_off_changes_nothing(folder: Attempt, tmp_path: Path) -> None:
    path = folder.make("sleep 0.3", heartbeat=0.1, timeout=20.0)
    program = (
        "import itertools, runpy, sys, time; real = time.time; back = itertools.cycle([3600, -3600]); "
        "time.time = lambda: real() + next(back); runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    )
    status = os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-IS", "-c", program, str(path)])
    assert status == 0
    assert folder.exit["reason"] == "exit"
    assert 0.3 <= folder.exit["seconds"] < 10
