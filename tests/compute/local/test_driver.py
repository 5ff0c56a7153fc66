"""What is the local provider's own: processes, their folders, and who may be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

import portable
from portable.compute.driver import Launch
from portable.compute.needs import Needs
from portable.errors import ConfigError, InvalidArgument, Unsupported
from portable.testing.targets.local_compute import (
    LocalComputeOracle,
    end_machines,
    open_local_compute,
)
from portable_local.compute import machine as machines
from portable_local.compute.driver import KEPT_SECONDS, LocalCompute
from portable_local.compute.settings import LocalComputeSettings
from tests.compute.runner.attempts import is_there

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the oracle looks into /proc")

STAYS = "#!/bin/sh\nsleep 60\n"


@pytest.fixture
def oracle(tmp_path: Path) -> LocalComputeOracle:
    return LocalComputeOracle(tmp_path)


@pytest.fixture
def driver(tmp_path: Path, oracle: LocalComputeOracle) -> Iterator[LocalCompute]:
    driver = LocalCompute(LocalComputeSettings(path=str(tmp_path)))
    yield driver
    for info in driver.list({}):
        oracle.kill(info.id)


def wanted(name: str = "pt-1", boot: str = STAYS) -> Launch:
    return Launch(name=name, token="t", needs=Needs(), boot=boot, lifetime=60.0)


def until(driver: LocalCompute, state: str, name: str = "pt-1") -> None:
    end = time.monotonic() + 10
    while (found := driver.get(name)) is None or found.state != state:
        assert time.monotonic() < end, found
        time.sleep(0.005)


def folder(driver: LocalCompute, name: str = "pt-1") -> Path:
    return driver.native / name


def test_launch_leaves_no_child_to_wait_for(driver: LocalCompute) -> None:
    """Of this process; a test worker may have servers as children."""
    before = children()
    driver.launch(wanted())
    until(driver, "running")
    assert children() <= before


def children() -> set[str]:
    return {
        child
        for thread in Path("/proc/self/task").iterdir()
        for child in (thread / "children").read_text().split()
    }


def test_another_process_of_the_same_id_is_neither_running_nor_killed(
    driver: LocalCompute,
) -> None:
    driver.launch(wanted(boot="#!/bin/sh\ntrue\n"))
    until(driver, "terminated")
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (folder(driver) / "ended").unlink()
        told = (folder(driver) / "pid").read_text().split()
        told[0] = str(stranger.pid)  # as if the system had given the id away again
        (folder(driver) / "pid").write_text(" ".join(told))
        found = driver.get("pt-1")
        assert found is not None
        assert found.state == "terminated"
        (folder(driver) / "ended").unlink()
        driver.terminate("pt-1")
        assert stranger.poll() is None
        stranger.kill()


def test_a_machine_whose_runner_was_killed_runs_as_long_as_anything_of_it(
    driver: LocalCompute, oracle: LocalComputeOracle
) -> None:
    """So nothing takes its place while its tasks go on."""
    driver.launch(wanted(boot="#!/bin/sh\nsetsid sleep 60 &\nsleep 60\n"))
    until(driver, "running")
    end = time.monotonic() + 10
    while len(oracle.processes("pt-1")) < 3:
        assert time.monotonic() < end
        time.sleep(0.005)
    root = int((folder(driver) / "pid").read_text().split()[0])
    os.kill(root, signal.SIGKILL)
    until(driver, "running")
    driver.terminate("pt-1")
    assert not oracle.alive("pt-1")
    until(driver, "terminated")


def test_what_has_left_its_environment_ends_while_its_parent_is_there(
    driver: LocalCompute, tmp_path: Path
) -> None:
    mark = tmp_path / "child"
    script = f"#!/bin/sh\nenv -i setsid sh -c 'echo $$ > {mark}; exec sleep 60' &\nwait\n"
    driver.launch(wanted(boot=script))
    end = time.monotonic() + 10
    while not mark.exists() or not mark.read_text():
        assert time.monotonic() < end
        time.sleep(0.005)
    driver.terminate("pt-1")
    assert not is_there(int(mark.read_text()))


def test_of_many_launches_at_once_one_runs(driver: LocalCompute, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    script = f"#!/bin/sh\necho x >> {runs}\nsleep 60\n"
    with ThreadPoolExecutor(8) as pool:
        infos = list(pool.map(lambda _: driver.launch(wanted(boot=script)), range(8)))
    assert {info.id for info in infos} == {"pt-1"}
    until(driver, "running")
    time.sleep(0.2)
    assert runs.read_text() == "x\n"


def test_a_client_that_was_killed_before_it_started_the_process_may_try_again(
    driver: LocalCompute, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(machines.Machine, "start", _killed)
        with pytest.raises(KeyboardInterrupt):
            driver.launch(wanted())
    found = driver.get("pt-1")
    assert found is not None
    assert found.state == "pending"
    driver.launch(wanted())
    until(driver, "running")


def test_what_was_ended_before_it_began_never_begins(
    driver: LocalCompute, oracle: LocalComputeOracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(machines.Machine, "start", _killed)
        with pytest.raises(KeyboardInterrupt):
            driver.launch(wanted())
    driver.terminate("pt-1")
    driver._machine("pt-1").start(STAYS)  # a client that was slow
    time.sleep(0.1)
    assert not oracle.alive("pt-1")
    assert driver.launch(wanted()).state == "terminated"


def test_an_ended_machine_is_not_started_again(driver: LocalCompute, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    script = f"#!/bin/sh\necho x >> {runs}\n"
    driver.launch(wanted(boot=script))
    until(driver, "terminated")
    assert driver.launch(wanted(boot=script)).state == "terminated"
    time.sleep(0.1)
    assert runs.read_text() == "x\n"


def test_the_name_of_a_machine_that_has_ended_is_another_machine_s(
    driver: LocalCompute, tmp_path: Path
) -> None:
    """Else its script would never run; the launch that is sent again is known by its token."""
    first = driver.launch(wanted(boot="#!/bin/sh\ntrue\n"))
    until(driver, "terminated")
    runs = tmp_path / "runs"
    other = replace(wanted(boot=f"#!/bin/sh\necho x >> {runs}\nsleep 60\n"), token="u")
    second = driver.launch(other)
    until(driver, "running", second.id)
    assert second.id != first.id
    assert second.name == first.name == "pt-1"
    assert driver.launch(other).id == second.id
    assert driver.launch(wanted()).id == first.id
    assert {info.id for info in driver.list({})} == {first.id, second.id}
    time.sleep(0.1)
    assert runs.read_text() == "x\n"


def test_machines_of_one_name_each_run_their_script(tmp_path: Path) -> None:
    compute = open_local_compute(tmp_path / "compute", tmp_path / "storage")

    def create(number: int) -> str:
        script = f"touch {tmp_path}/ran-{number}\nsleep 60"
        return compute.instances.create("same", boot=script).id

    try:
        with ThreadPoolExecutor(4) as pool:
            ids = set(pool.map(create, range(4)))
        assert ids == {each.id for each in compute.instances.list()}
        assert len(ids) == 4
        end = time.monotonic() + 10
        while len(list(tmp_path.glob("ran-*"))) < 4:
            assert time.monotonic() < end
            time.sleep(0.005)
    finally:
        end_machines(compute)
        compute.close()


def test_poweroff_ends_the_machine_and_not_the_computer(
    driver: LocalCompute, tmp_path: Path
) -> None:
    which = tmp_path / "which"
    script = f"#!/bin/sh\ncommand -v poweroff > {which}\nshutdown -h now\nsleep 60\n"
    driver.launch(wanted(boot=script))
    until(driver, "terminated")
    assert which.read_text().strip() == str(folder(driver) / "bin" / "poweroff")


def test_python_on_a_machine_is_the_one_that_runs_here(
    driver: LocalCompute, tmp_path: Path
) -> None:
    which = tmp_path / "which"
    driver.launch(wanted(boot=f"#!/bin/sh\ncommand -v python > {which}\n"))
    until(driver, "terminated")
    assert which.read_text().strip() == str(Path(sys.executable).with_name("python"))


def test_folders_of_machines_that_ended_long_ago_are_removed(
    driver: LocalCompute, tmp_path: Path
) -> None:
    for name in ("pt-old", "pt-new"):
        driver.launch(wanted(name, "#!/bin/sh\ntrue\n"))
        until(driver, "terminated", name)
    driver.launch(wanted("pt-runs"))
    until(driver, "running", "pt-runs")
    for name in ("pt-old", "pt-runs"):
        _age(folder(driver, name))
    other = LocalCompute(LocalComputeSettings(path=str(tmp_path)))
    other.launch(wanted("pt-next", "#!/bin/sh\ntrue\n"))
    assert {info.id for info in other.list({})} == {"pt-new", "pt-runs", "pt-next"}
    assert other.get("pt-old") is None


def test_an_id_that_leads_elsewhere_is_refused(driver: LocalCompute) -> None:
    with pytest.raises(InvalidArgument):
        driver.terminate("../elsewhere")


def test_machines_are_not_stopped(driver: LocalCompute) -> None:
    with pytest.raises(Unsupported):
        driver.stop("pt-1")
    with pytest.raises(Unsupported):
        driver.start("pt-1")


def test_compute_is_configured_by_a_url_or_a_path(tmp_path: Path) -> None:
    compute = portable.open_compute(f"process://{tmp_path}?heartbeat=5")
    assert compute.url == f"process://{tmp_path}"
    assert compute.provider == "local"
    assert compute.capabilities.files
    compute.close()
    assert LocalComputeSettings(path="").problems() == ["'path' must name a folder"]


def test_memory_says_what_to_do_instead() -> None:
    with pytest.raises(ConfigError, match="process:///PATH"):
        portable.configure(compute={"provider": "memory"})


def _killed(_: machines.Machine, _boot: str) -> None:
    raise KeyboardInterrupt


def _age(path: Path) -> None:
    long_ago = time.time() - KEPT_SECONDS - 60
    os.utime(path, (long_ago, long_ago))
