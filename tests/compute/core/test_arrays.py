"""Several tasks on several machines."""

from __future__ import annotations

import base64
import json
from collections.abc import Generator

import pytest

from portable.errors import InvalidArgument, JobFailed, QuotaExceeded
from tests.compute.core.world import Runner, World, dies, is_preempted, succeeds


def test_tasks_are_dealt_to_at_most_so_many_machines() -> None:
    world = World()
    job = world.client(machines=3).submit("true", count=7)
    result = job.wait()
    dealt = [machine.runner.tasks for machine in world.machines.values() if machine.runner]
    assert sorted(dealt) == [[0, 3, 6], [1, 4], [2, 5]]
    assert [task.index for task in result.tasks] == list(range(7))
    assert result.status == "succeeded"
    assert world.side_by_side == []


def test_machines_that_share_processors_are_one_with_as_many_slots() -> None:
    world = World(capabilities={"cpus": 8.0})
    world.client().submit("true", count=100, cpus=2).wait()
    (machine,) = world.machines.values()
    assert machine.runner is not None
    assert machine.runner.manifest["slots"] == 4
    assert machine.runner.tasks == list(range(100))


def test_only_what_was_not_done_is_done_again() -> None:
    """A machine that is taken away tells what it has finished."""
    world = World(behaviours=[is_preempted, succeeds])
    result = world.client(machines=1).submit("true", count=4, retries=1).wait()
    assert result.status == "succeeded"
    dealt = [machine.runner.tasks for machine in world.machines.values() if machine.runner]
    assert dealt == [[0, 1, 2, 3], [1, 2, 3]]


def test_one_lost_shard_is_replaced_and_the_others_go_on() -> None:
    world = World(behaviours=[dies, succeeds])
    result = world.client(machines=4).submit("true", count=4, retries=1).wait()
    assert (result.status, result.attempts, len(world.launches)) == ("succeeded", 2, 5)
    assert world.side_by_side == []


def test_the_first_task_that_failed_is_the_jobs_exit_code() -> None:
    def fails_some(runner: Runner) -> Generator[float, None, None]:
        runner.begin()
        yield 1.0
        runner.exit(
            tasks=[
                {"index": t, "exit_code": t % 3, "reason": "exit", "seconds": 1}
                for t in runner.tasks
            ]
        )

    world = World(behaviours=[fails_some])
    result = world.client(machines=2).submit("true", count=6).wait()
    assert (result.status, result.exit_code, result.detail) == (
        "failed",
        1,
        "task 1 ended with exit code 1",
    )


def test_a_shard_that_can_not_be_started_ends_all() -> None:
    """Nothing is left that runs for half a job."""
    world = World(refuse=[None, None, QuotaExceeded("2 machines are the limit")])
    with pytest.raises(QuotaExceeded):
        world.client(machines=4).submit("true", count=4, name="too-many")
    assert world.client().job("too-many").status == "failed"
    assert world.alive() == []


def test_tasks_are_told_of_while_they_run() -> None:
    def half(runner: Runner) -> Generator[float, None, None]:
        runner.begin()
        runner.beat({runner.tasks[0]: 5})
        yield 20.0
        runner.exit(5)

    world = World(behaviours=[half])
    job = world.client(machines=1).submit("true", count=2)
    world.advance(10)
    assert [(task.index, task.exit_code) for task in job.tasks] == [(0, 5)]
    job.wait()
    assert [(task.index, task.exit_code) for task in job.tasks] == [(0, 5), (1, 5)]


def calls(runner: Runner) -> Generator[float, None, None]:
    """What the runner does with a function: here the items are numbers, doubled."""
    import pickle

    runner.begin()
    manifest = runner.manifest["function"]
    items = iter(manifest["sizes"] or [])
    whole = runner.archive.read("items.pkl") if manifest["items"] else b""
    lines, at, codes = [], 0, []
    for task in runner.tasks:
        size = next(items)
        item = pickle.loads(whole[at : at + size])
        at += size
        code = 0
        if item == "raise":
            lines.append({"index": task, "error": "ValueError: no", "traceback": "T"})
            code = 1
        elif isinstance(item, bytes):
            lines.append({"index": task, "bytes": base64.b64encode(item * 2).decode()})
        else:
            lines.append({"index": task, "json": item * 2})
        codes.append(code)
        runner.write("results/0000", b"".join(json.dumps(x).encode() + b"\n" for x in lines))
        runner.write("log/0000", f"[{task}] did {item}\n".encode())
        yield 5.0
    runner.exit(
        tasks=[
            {"index": t, "exit_code": c, "reason": "exit", "seconds": 1}
            for t, c in zip(runner.tasks, codes, strict=True)
        ]
    )


def test_results_of_map_come_in_order_as_soon_as_they_are_there() -> None:
    world = World(behaviours=[calls])
    results = world.client(machines=2).map(lambda x: x * 2, [1, "a", b"b", [1], 5])
    assert next(results) == 2
    assert len(world.alive()) == 2  # both are still at work
    assert list(results) == ["aa", b"bb", [1, 1], 10]
    assert world.alive() == []
    assert world.names("active/") == []


def test_map_of_nothing_starts_nothing() -> None:
    world = World()
    assert list(world.client().map(len, [])) == []
    assert world.launches == []


def test_a_call_that_raises_ends_the_map() -> None:
    """With the item's index, the error and the end of its log; its machines are ended."""
    world = World(behaviours=[calls])
    results = world.client(machines=1).map(lambda x: x, [1, 2, "raise", 4, 5, 6])
    assert [next(results), next(results)] == [2, 4]
    with pytest.raises(JobFailed, match="item 2, raised ValueError: no") as caught:
        next(results)
    assert (caught.value.index, caught.value.reason) == (2, "exit")
    assert caught.value.log == ["did raise"]
    (job,) = world.client().jobs()
    assert job.status == "cancelled"
    assert world.alive() == []
    assert world.names("active/") == []


def test_stopping_early_ends_the_map() -> None:
    world = World(behaviours=[calls])
    results = world.client(machines=1).map(lambda x: x, range(50))
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    (job,) = world.client().jobs()
    assert job.status == "cancelled"
    assert world.alive() == []
    assert world.names("active/") == []


def test_results_of_a_map_outlive_a_lost_machine() -> None:
    """What was given stays, and the rest comes from the next machine."""

    def calls_once(runner: Runner) -> Generator[float, None, None]:
        yield next(calls(runner))

    world = World(behaviours=[calls_once, calls])
    results = world.client(machines=1, heartbeat=1.0).map(lambda x: x, [3, 4], retries=1)
    assert list(results) == [6, 8]
    assert len(world.launches) == 2


def test_the_result_of_one_call_is_its_value_and_a_command_has_none() -> None:
    def one(runner: Runner) -> Generator[float, None, None]:
        assert runner.manifest["function"]["items"] is None
        runner.begin()
        runner.write("results/0000", b'{"index": 0, "json": {"loss": 0.5}}\n')
        yield 1.0
        runner.exit(0)

    world = World(behaviours=[one, succeeds])
    assert world.client().submit(lambda: None).result() == {"loss": 0.5}
    with pytest.raises(InvalidArgument, match="runs a command, which returns nothing"):
        world.client().submit("true").result()


def test_a_result_that_is_missing_is_a_failure() -> None:
    world = World(behaviours=[dies])
    with pytest.raises(JobFailed, match="lost its machine: its machine is gone") as caught:
        world.client().submit(lambda: None).result()
    assert caught.value.reason == "lost"
