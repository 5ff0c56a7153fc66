"""Fake machines run what they boot, and nothing of them outlives its end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portable.testing.fakes.machines import Boot, FakeMachine, MachineHost

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="fake machines need Linux")
FAMILY = """#!/bin/sh
python3 -c 'import os, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            break
        os._exit(0)
open(f"pid-{os.getpid()}", "w").close()
time.sleep(60)' &
echo $$ > started
sleep 60
"""


@pytest.fixture
def host() -> Iterator[MachineHost]:
    with MachineHost() as host:
        yield host


def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it doesn't come true"
        time.sleep(0.01)


def family(machine: FakeMachine) -> list[int]:
    """The processes of FAMILY, once all are there: daemons, their parent and the shell."""
    until(lambda: len(list(machine.folder.glob("pid-*"))) == 4)
    shell = int((machine.folder / "started").read_text())
    return [shell, *(int(each.name[4:]) for each in machine.folder.glob("pid-*"))]


def running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def stands_still(file: Path) -> bool:
    size = file.stat().st_size
    time.sleep(0.1)
    return file.stat().st_size == size


def test_script_runs_as_it_is_in_a_folder_of_its_own(host: MachineHost) -> None:
    script = b"#!/bin/sh\nprintf '%s' '\xff\xc3\xa9 $x' > bytes; pwd > here; echo seen; poweroff\n"
    machine = host.start(script, environment={"x": "y"})
    assert machine.wait_off()
    assert (machine.folder / "bytes").read_bytes() == b"\xff\xc3\xa9 $x"
    assert (machine.folder / "here").read_text().strip() == str(machine.folder)
    assert machine.console == "seen\n"


def test_machine_has_a_bare_python_and_nothing_of_ours(host: MachineHost) -> None:
    os.environ["PORTABLE_LEAK"] = "x"
    try:
        machine = host.start(
            "#!/bin/sh\nenv > env; python3 -c 'import site, sys; print(sys.version_info[:2])"
            "; import portable' > version 2>&1; mktemp > temporary; poweroff"
        )
    finally:
        del os.environ["PORTABLE_LEAK"]
    assert machine.wait_off()
    assert "PORTABLE_LEAK" not in (machine.folder / "env").read_text()
    version = (machine.folder / "version").read_text()
    assert str(tuple(sys.version_info[:2])) in version
    assert "No module named 'portable'" in version
    assert (machine.folder / "temporary").read_text().startswith(str(machine.folder))


@pytest.mark.parametrize("switch", ["poweroff", "shutdown -h now"])
def test_poweroff_ends_everything_and_calls_back(host: MachineHost, switch: str) -> None:
    called: list[FakeMachine] = []
    machine = host.start(
        FAMILY.replace("sleep 60\n", f"until [ -e go ]; do sleep 0.02; done; {switch}; sleep 60\n"),
        called.append,
    )
    members = family(machine)
    (machine.folder / "go").touch()
    assert machine.wait_off()
    assert not any(running(each) for each in members)
    until(lambda: called == [machine])


def test_pulled_plug_ends_everything_at_once(host: MachineHost) -> None:
    called: list[FakeMachine] = []
    machine = host.start(FAMILY, called.append)
    members = family(machine)
    assert all(running(each) for each in members)
    machine.kill()
    assert not machine.is_on
    assert not any(running(each) for each in members)
    assert called == []
    machine.kill()


def test_nobody_can_act_on_the_pulled_plug(host: MachineHost) -> None:
    machine = host.start(
        "#!/bin/sh\ntrap 'echo noticed > trapped' TERM HUP INT EXIT\n(while :; do sleep 0.01; done) &\n"
        "p=$!; echo > started; wait $p; echo child gone > noticed; sleep 60"
    )
    until((machine.folder / "started").exists)
    machine.kill()
    assert not (machine.folder / "trapped").exists()
    assert not (machine.folder / "noticed").exists()


def test_shutting_down_asks_first(host: MachineHost) -> None:
    machine = host.start(
        "#!/bin/sh\ntrap 'echo bye > last; exit' TERM\necho > started\nwhile :; do sleep 0.05; done"
    )
    until((machine.folder / "started").exists)
    machine.shut_down(60)
    assert machine.wait_off(20)
    assert (machine.folder / "last").read_text() == "bye\n"


def test_who_ignores_the_question_ends_when_time_is_up(host: MachineHost) -> None:
    machine = host.start("#!/bin/sh\ntrap '' TERM\necho > started\nwhile :; do sleep 0.05; done")
    until((machine.folder / "started").exists)
    began = time.monotonic()
    machine.shut_down(0.4)
    assert machine.wait_off(20)
    assert time.monotonic() - began >= 0.4


def test_hanging_machine_is_on_and_does_nothing(host: MachineHost) -> None:
    machine = host.start("#!/bin/sh\nwhile :; do echo x >> beats; sleep 0.01; done")
    beats = machine.folder / "beats"
    until(beats.exists)
    machine.hang()
    until(lambda: stands_still(beats))
    size = beats.stat().st_size
    assert machine.is_on
    machine.resume()
    until(lambda: beats.stat().st_size > size)


def test_machine_that_never_boots_is_on(host: MachineHost) -> None:
    host.next(Boot(runs=False))
    machine = host.start("#!/bin/sh\necho > started")
    other = host.start("#!/bin/sh\necho > started")
    until((other.folder / "started").exists)
    assert machine.is_on
    assert not (machine.folder / "started").exists()


def test_machine_that_boots_late(host: MachineHost) -> None:
    began = time.monotonic()
    machine = host.start("#!/bin/sh\necho > started", boot=Boot(seconds=0.3))
    until((machine.folder / "started").exists)
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("run", ['-c "$(cat show.py)"', "show.py", "-IS app.pyz"])
def test_clock_that_is_wrong(host: MachineHost, run: str) -> None:
    machine = host.start(
        "#!/bin/sh\necho 'import time; print(time.time(), time.time_ns())' > show.py\n"
        "mkdir app; cp show.py app/__main__.py; python3 -m zipapp app\n"
        f"python3 {run} > time; poweroff",
        boot=Boot(clock=3600),
    )
    assert machine.wait_off()
    seconds, nanoseconds = (machine.folder / "time").read_text().split()
    assert abs(float(seconds) - time.time() - 3600) < 30
    assert abs(int(nanoseconds) / 1e9 - time.time() - 3600) < 30


def test_reboot_runs_the_script_again_on_the_same_disk(host: MachineHost) -> None:
    machine = host.start("#!/bin/sh\necho boot >> boots; sleep 60")
    until((machine.folder / "boots").exists)
    machine.reboot()
    until(lambda: (machine.folder / "boots").read_text() == "boot\nboot\n")


def test_machine_that_halts_stays_on(host: MachineHost) -> None:
    """As on EC2: it isn't switched off."""
    machine = host.start("#!/bin/sh\necho > started; halt; sleep 0.2; echo > after")
    until((machine.folder / "started").exists)
    assert not machine.wait_off(0.6)
    assert not (machine.folder / "after").exists()


def test_machine_reboots_itself(host: MachineHost) -> None:
    script = (
        "#!/bin/sh\necho boot >> boots; [ -e once ] || { touch once; reboot; sleep 60; }; poweroff"
    )
    machine = host.start(script)
    assert machine.wait_off()
    assert (machine.folder / "boots").read_text() == "boot\nboot\n"


def test_this_computers_own_switches_are_out_of_reach(host: MachineHost) -> None:
    machine = host.start(
        "#!/bin/sh\nfor each in poweroff shutdown halt reboot init systemctl; do command -v $each; done"
        " > found; init 0 || systemctl poweroff || echo refused >> found; poweroff"
    )
    assert machine.wait_off()
    *found, refused = (machine.folder / "found").read_text().split()
    assert refused == "refused"
    assert {str(Path(each).parent) for each in found} == {str(machine.folder / "bin")}


def test_poweroff_that_does_not_work(host: MachineHost) -> None:
    machine = host.start("#!/bin/sh\npoweroff; echo > after", boot=Boot(poweroff=False))
    until((machine.folder / "after").exists)
    assert not machine.wait_off(0.2)


def test_closed_host_leaves_nothing(host: MachineHost) -> None:
    machine = host.start(FAMILY)
    members = family(machine)
    host.close()
    assert not any(running(each) for each in members)
    assert not machine.folder.parent.exists()
    with pytest.raises(RuntimeError, match="closed"):
        host.start("#!/bin/sh\n")


def test_machines_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom portable.testing.fakes.machines import MachineHost\n"
        "m = MachineHost().start(sys.argv[1]); print(m.folder, flush=True); time.sleep(60)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, FAMILY], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    folder = Path(child.stdout.readline().strip())
    until(lambda: len(list(folder.glob("pid-*"))) == 4)
    members = [int(each.name[4:]) for each in folder.glob("pid-*")]
    child.kill()
    child.wait()
    child.stdout.close()
    until(lambda: not any(running(each) for each in members))
