"""Jobs of a real cluster, end to end; all cases of the suite are in test_conformance.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from portable.compute import Compute
from portable.discovery import connect_compute
from portable.testing.fakes.gcs import FakeGcs
from portable.testing.servers import RayServer
from portable.testing.targets.gcs import open_gcs_bucket
from portable.testing.targets.ray import RayOracle, open_ray_compute, settings
from portable_ray import ADAPTER

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the oracle looks into /proc"),
    pytest.mark.xdist_group("ray"),
]
EXAMPLES = Path(__file__).parents[3] / "examples"
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


def test_machine_that_is_ended_takes_all_along(
    compute: Compute, cluster: RayServer, tmp_path: Path
) -> None:
    """Seen by another driver, by its tags; also what has left its session and ignores signals."""
    pid = tmp_path / "pid"
    family = f"(setsid sh -c 'trap \"\" TERM; echo $$ > {pid}; while :; do sleep 0.1; done' &)"
    job = compute.submit(f"{family}; sleep 60", cpus=0.1)
    until(lambda: pid.exists() and pid.read_text().endswith("\n"))
    driver = compute._connection.driver
    (machine,) = driver.list({"portable": "1", "portable-job": job.id})
    assert machine.state == "running"
    assert RayOracle(cluster).alive(machine.id)
    driver.terminate(machine.id)
    until(lambda: not RayOracle(cluster).alive(machine.id))
    assert not Path(f"/proc/{pid.read_text().strip()}").exists()
    assert job.wait(WAIT).status in ("failed", "lost")


def test_job_is_kept_in_a_bucket_where_no_files_are_shared(
    cluster: RayServer, tmp_path: Path
) -> None:
    """By signed requests, of which the last one leaves nothing on the machine."""
    key = tmp_path / "account.json"
    with FakeGcs() as storage:
        key.write_text(json.dumps(storage.account()))
        storage.make_bucket("jobs")
        place = settings(cluster, shared_files=False, python=sys.executable, heartbeat=0.3)
        compute = Compute(
            partial(connect_compute, ADAPTER, place),
            place,
            provider=ADAPTER.name,
            storage=partial(
                open_gcs_bucket, "jobs", endpoint=storage.endpoint, credentials_file=str(key)
            ),
        )
        job = compute.submit("pwd; echo made > out", cpus=0.1, outputs={"out": "made/out"})
        assert job.wait(WAIT).status == "succeeded"
        assert compute._connection.bucket.get("made/out") == b"made\n"
        (where,) = job.logs()
        compute.close()
    until(lambda: not Path(where).exists())


def test_map_with_a_name_is_an_array_of_jobs(compute: Compute) -> None:
    """It has a record, as any job."""
    assert list(compute.map(lambda n: n * n, range(3), name="squares", cpus=0.1)) == [0, 1, 4]
    assert compute.job("squares").record.count == 3


def run(script: str, cluster: RayServer, folder: Path, url: str = "ray://auto") -> list[str]:
    inherited = {n: v for n, v in os.environ.items() if not n.startswith("PORTABLE_")}
    said = subprocess.run(
        [sys.executable, str(EXAMPLES / script)],
        cwd=folder,
        env=inherited | {"PORTABLE_COMPUTE": url, "RAY_ADDRESS": cluster.address},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert said.returncode == 0, said.stderr
    return said.stdout.splitlines()


def test_search_runs_on_a_cluster_as_its_text_says(cluster: RayServer, tmp_path: Path) -> None:
    said = run("10_search_jobs.py", cluster, tmp_path)
    assert len(said) == 17
    assert said[-1] == "best: {'C': 10, 'gamma': 0.0001} with 0.960"


def test_first_job_is_told_of_as_everywhere(cluster: RayServer, tmp_path: Path) -> None:
    """What a cluster costs isn't known."""
    said = run("12_first_job.py", cluster, tmp_path, "ray://auto?shared_files=true")
    told = [line.split(maxsplit=1) for line in said]
    assert [what for what, _ in told] == (
        ["submit", "status", "machine", "log", "log", "result", "output", "took", "machine"]
    )
    assert told[2][1].endswith("price unknown")
    assert [words for _, words in told[5:7]] == [
        "succeeded with exit code 0",
        "runs/first/accuracy 0.93",
    ]
    assert told[8][1] == "terminated"
