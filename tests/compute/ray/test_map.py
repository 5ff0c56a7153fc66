"""`map` by tasks of a real cluster."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from portable.compute import Compute
from portable.errors import InvalidArgument, JobFailed, Unsupported
from portable.testing.servers import RayServer
from portable.testing.targets.ray import open_ray_compute

pytestmark = pytest.mark.xdist_group("ray")


@pytest.fixture(scope="module")
def compute(cluster: RayServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compute]:
    patch = pytest.MonkeyPatch()
    patch.setenv("RAY_ADDRESS", cluster.address)
    patch.setenv("RAY_AUTH_MODE", "disabled")
    compute = open_ray_compute(cluster, tmp_path_factory.mktemp("storage"), tasks="auto")
    yield compute
    compute.close()
    patch.undo()


def test_results_are_in_order_and_bytes_or_json(compute: Compute) -> None:
    def call(item: int) -> object:
        time.sleep(0.05 if item == 0 else 0)
        return b"\x00\xff" if item == 1 else {"n": (item, None)}

    assert list(compute.map(call, range(3))) == [{"n": [0, None]}, b"\x00\xff", {"n": [2, None]}]
    assert list(compute.map(call, [])) == []


def test_nothing_is_kept_in_storage(compute: Compute) -> None:
    """No job is made of it."""
    assert list(compute.map(lambda n: n + 1, range(600), cpus=0.5)) == list(range(1, 601))
    assert list(compute.jobs()) == []


def test_call_that_raises_tells_its_item_and_where(compute: Compute) -> None:
    """After the results before it."""

    def inverse(item: int) -> float:
        return 1 / item

    results = compute.map(inverse, [1, 0, 2])
    assert next(results) == 1
    with pytest.raises(JobFailed, match="item 1, raised ZeroDivisionError: division") as caught:
        next(results)
    assert (caught.value.index, caught.value.reason) == (1, "exit")
    assert any("return 1 / item" in line for line in caught.value.log)
    assert not any("answers.py" in line for line in caught.value.log)


def test_result_that_is_neither_bytes_nor_json_is_refused(compute: Compute) -> None:
    with pytest.raises(JobFailed, match="neither bytes nor JSON"):
        list(compute.map(lambda n: {n}, [1]))


def test_variables_are_seen_by_these_calls_only(compute: Compute) -> None:
    def call(item: int) -> list[str | None]:
        names = ("LR", "PORTABLE_TASK_INDEX", "PORTABLE_TASK_COUNT")
        return [os.environ.get(name) for name in names]

    assert list(compute.map(call, "ab", env={"LR": "0.1"})) == [
        ["0.1", "0", "2"],
        ["0.1", "1", "2"],
    ]
    assert list(compute.map(call, "a")) == [[None, "0", "1"]]


def test_process_that_is_lost_is_tried_again_where_that_is_asked_for(
    compute: Compute, tmp_path: Path
) -> None:
    mark = str(tmp_path / "mark")

    def call(item: int) -> int:
        if not Path(mark).exists():
            Path(mark).touch()
            os._exit(1)
        return item

    with pytest.raises(JobFailed, match="item 0 was lost") as caught:
        list(compute.map(call, [5]))
    assert caught.value.reason == "lost"
    Path(mark).unlink()
    assert list(compute.map(call, [5], retries=1)) == [5]


def test_calls_that_take_too_long_end(compute: Compute, tmp_path: Path) -> None:
    """And so do those of whoever stops taking results."""

    def call(item: int) -> None:
        for number in range(1000):
            (tmp_path / f"{item}-{number}").touch()
            time.sleep(0.1)

    with pytest.raises(JobFailed, match="longer than") as caught:
        list(compute.map(call, [0], timeout=1.5))
    assert (caught.value.index, caught.value.reason) == (0, "timeout")
    before, files = -1, len(list(tmp_path.iterdir()))
    for _ in range(60):
        if before == files:
            break
        time.sleep(0.5)
        before, files = files, len(list(tmp_path.iterdir()))
    assert before == files


def test_what_cant_be_done_is_refused_before_anything_runs(compute: Compute) -> None:
    with pytest.raises(Unsupported, match="disk_gib"):
        compute.map(abs, [1], disk_gib=10)
    with pytest.raises(InvalidArgument, match="timeout"):
        compute.map(abs, [1], timeout=0)
    with pytest.raises(InvalidArgument, match="item 1 can't be pickled"):
        compute.map(abs, [1, threading.Lock()])
    with pytest.raises(Unsupported, match="spot"):
        compute.map(abs, [1], spot=True)
