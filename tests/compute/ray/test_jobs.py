"""Jobs of a real cluster, end to end; all cases of the suite are in test_conformance.py."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portable.compute import Compute
from portable.testing.servers import RayServer
from portable.testing.targets.ray import RayOracle, open_ray_compute

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the oracle looks into /proc")
EXAMPLE = Path(__file__).parents[3] / "examples" / "10_search_jobs.py"
WAIT = 60.0


@pytest.fixture
def compute(
    cluster: RayServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Compute]:
    monkeypatch.chdir(tmp_path)
    compute = open_ray_compute(cluster, tmp_path / "storage", heartbeat=0.3)
    yield compute
    compute.close()


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_job_does_what_jobs_do_everywhere(compute: Compute) -> None:
    command = 'echo on $PORTABLE_JOB; python3 -c \'print(len(__import__("os").environ["ODD"]))\'; '
    job = compute.submit(
        f"{command} echo made > out; exit 3",
        name="first",
        cpus=0.1,
        env={"ODD": "a\nü"},
        outputs={"out": "made/out"},
    )
    result = job.wait(WAIT)
    assert (result.status, result.exit_code, result.outputs) == ("failed", 3, ("made/out",))
    assert list(job.logs()) == ["on first", "3"]
    assert compute._connection.bucket.get("made/out") == b"made\n"


def test_machine_that_is_ended_takes_all_along(compute: Compute, tmp_path: Path) -> None:
    """Seen by another driver, by its tags; also what has left its session and ignores signals."""
    pid = tmp_path / "pid"
    family = f"(setsid sh -c 'trap \"\" TERM; echo $$ > {pid}; while :; do sleep 0.1; done' &)"
    job = compute.submit(f"{family}; sleep 60", cpus=0.1)
    until(lambda: pid.exists() and pid.read_text().endswith("\n"))
    driver = compute._connection.driver
    (machine,) = driver.list({"portable": "1", "portable-job": job.id})
    assert machine.state == "running"
    assert RayOracle().alive(machine.id)
    driver.terminate(machine.id)
    until(lambda: not RayOracle().alive(machine.id))
    assert not Path(f"/proc/{pid.read_text().strip()}").exists()
    assert job.wait(WAIT).status in ("failed", "lost")


def test_map_with_a_name_is_an_array_of_jobs(compute: Compute) -> None:
    """It has a record, as any job."""
    assert list(compute.map(lambda n: n * n, range(3), name="squares", cpus=0.1)) == [0, 1, 4]
    assert compute.job("squares").record.count == 3


def test_search_runs_on_a_cluster_as_its_text_says(cluster: RayServer, tmp_path: Path) -> None:
    inherited = {n: v for n, v in os.environ.items() if not n.startswith("PORTABLE_")}
    said = subprocess.run(
        [sys.executable, str(EXAMPLE)],
        cwd=tmp_path,
        env=inherited | {"PORTABLE_COMPUTE": "ray://auto", "RAY_ADDRESS": cluster.address},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert said.returncode == 0, said.stderr
    assert len(said.stdout.splitlines()) == 17
    assert said.stdout.splitlines()[-1] == "best: {'C': 10, 'gamma': 0.0001} with 0.960"
