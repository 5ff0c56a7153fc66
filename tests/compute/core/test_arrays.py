"""Several tasks on several machines."""

from __future__ import annotations

import base64
import json
from collections.abc import Generator

import pytest

from portable.compute import submitting
from portable.errors import InvalidArgument, JobFailed, QuotaExceeded
from tests.compute.core.world import EPOCH, Runner, World, dies, is_preempted, succeeds


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


def test_an_array_that_finds_no_machine_at_all_ends_at_once() -> None:
    world = World(limit=0)
    with pytest.raises(QuotaExceeded, match="0 machines are the limit"):
        world.client(machines=4).submit("true", count=4, name="none")
    result = world.client().job("none").wait()
    assert (result.status, result.reason, result.attempts) == ("failed", "no machine", 0)
    assert (world.time, world.names("active/")) == (EPOCH, [])


def test_an_array_goes_on_with_as_many_machines_as_there_are(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The tasks of the others wait for one of these to end; nothing is tried twice."""
    world = World(limit=2)
    job = world.client(machines=4).submit("true", count=4)
    assert "2 of the 4 machines" in caplog.text
    assert (job.status, len(world.alive())) == ("starting", 2)
    result = job.wait()
    assert (result.status, result.attempts, len(world.launches)) == ("succeeded", 1, 4)
    assert world.time - EPOCH < 120
    assert world.side_by_side == []
    assert not [key for key in world.names() if key.endswith((".pyz", ".zip"))]


def test_tasks_that_wait_in_vain_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once nothing of the job has run for the time that a machine may take; what was made stays."""
    refusal = QuotaExceeded("1 machine is the limit")
    world = World(refuse=[None, *[refusal] * 1000])
    monkeypatch.setattr(submitting, "AT_ONCE", 1)
    job = world.client(machines=3).submit("true", count=4, retries=2)
    result = job.wait()
    assert (result.status, result.reason, result.exit_code) == ("failed", "no machine", None)
    assert result.detail == "tasks 1, 2 found no machine: QuotaExceeded: 1 machine is the limit"
    assert [task.exit_code for task in result.tasks] == [0, None, None, 0]
    assert 600 < world.time - EPOCH < 800
    assert world.alive() == []
    with pytest.raises(InvalidArgument):
        job.result()


def test_tries_are_few_while_others_run_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """And soon once one of the machines has ended."""

    def works_long(runner: Runner) -> Generator[float, None, None]:
        runner.begin()
        yield from runner.work(7200)
        runner.exit(0)

    tries: list[float] = []
    world = World(limit=1, behaviours=[works_long, succeeds])
    world.step = lambda name: tries.append(world.time) if name == "launch" else None
    monkeypatch.setattr(submitting, "AT_ONCE", 1)
    job = world.client(machines=2, heartbeat=60.0).submit("true", count=2, timeout=3 * 3600)
    for _ in range(7200 // 20):
        assert job.status in ("starting", "running")
        world.advance(20)
    assert 30 < len(tries) < 45
    assert (job.wait().status, len(world.launches)) == ("succeeded", 2)
    assert world.time - EPOCH < 7200 + 120


def test_tasks_that_wait_are_cancelled_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(limit=1)
    monkeypatch.setattr(submitting, "AT_ONCE", 1)
    job = world.client(machines=2).submit("true", count=2)
    job.cancel()
    result = job.wait()
    assert (result.status, len(world.launches)) == ("cancelled", 1)
    assert [task.reason for task in result.tasks] == ["cancelled", "cancelled"]


def test_tasks_that_have_waited_have_all_of_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the others have cost isn't taken off it: each machine has its part of the money."""
    world = World(limit=1)
    monkeypatch.setattr(submitting, "AT_ONCE", 1)
    client = world.client(machines=2, usd_per_hour=1.0)
    job = client.submit("true", count=2, max_usd=0.5)
    assert job.wait().status == "succeeded"
    plans = [json.loads(world.read(f"jobs/{job.id}/{place}/plan.json")) for place in ("0/1", "1/1")]
    later = max(name for name in world.names(f"jobs/{job.id}/1/") if name.endswith("/plan.json"))
    for plan in [*plans, json.loads(world.read(later))]:
        assert (plan["lifetime"], plan["seconds"]) == (900.0, 675.0)
    assert "/1/1/" not in later


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
