"""A client that is killed anywhere leaves nothing that costs, and no job in two minds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator
from typing import Any

import pytest

from portable.compute import Compute, Job
from portable.errors import AlreadyExists, JobNotFound
from tests.compute.core.world import Killed, Runner, Storage, World, dies, is_preempted, succeeds

CHANGES = {"put", "copy", "delete", "launch", "terminate"}
WORK: dict[str, Any] = {
    "name": "crash",
    "retries": 1,
    "outputs": {"out": "runs/1"},
}


def works_long(runner: Runner) -> Generator[float, None, None]:
    """Works for longer than others leave it to who started it."""
    if runner.begin():
        yield from runner.work(200)
        runner.exit(0)


def submit(client: Compute) -> Job:
    return client.submit("python train.py", **WORK)


def submit_and_wait(client: Compute) -> Job:
    job = submit(client)
    job.wait()
    return job


def killed_at(world: World, number: int, act: Callable[[Compute], Any]) -> bool:
    """Kill the client before its change of that number, or at its end; False where it hasn't so many.

    Between two changes nothing is different, so each kill in between is the same.
    """
    passed = 0

    def step(name: str) -> None:
        nonlocal passed
        passed += name in CHANGES
        if passed == number:
            raise Killed

    world.step = step
    try:
        act(world.client())
    except Killed:
        return True
    finally:
        world.step = None
    return passed + 1 == number


def settled(world: World) -> None:
    """Nothing costs, nothing is secret, and no shard ever had two machines at once."""
    assert world.alive() == []
    assert world.names("active/") == []
    assert not [key for key in world.names() if key.endswith((".pyz", ".zip"))]
    assert world.side_by_side == []
    assert not [key for key, (_, body) in world.storage.native.items() if b"hunter2" in body]


def reaped(world: World) -> None:
    """What a timer does that looks every quarter of an hour."""
    for _ in range(12):
        world.client().reap(dry_run=False)
        world.advance(900)


def world_of(behaviour: str, *, idempotent: bool) -> World:
    behaviours = {
        "well": [succeeds],
        "long": [works_long],
        "dies": [dies, succeeds],
        "taken": [is_preempted, succeeds],
    }
    return World(
        behaviours=behaviours[behaviour],
        idempotent=idempotent,
        unlisted=0 if idempotent else 20,
    )


def every_kill(behaviour: str, act: Callable[[Compute], Any], *, idempotent: bool) -> list[World]:
    """A world for each request at which the client was killed."""
    found: list[World] = []
    while True:
        world = world_of(behaviour, idempotent=idempotent)
        if not killed_at(world, len(found) + 1, act):
            assert len(found) > 5
            return found
        found.append(world)


@pytest.mark.parametrize("idempotent", [True, False])
def test_submitting_again_after_a_kill_makes_no_second_machine(idempotent: bool) -> None:
    """Whatever was done before, the second submit by the same name gets the same job done."""
    for world in every_kill("long", submit, idempotent=idempotent):
        job = submit(world.client())
        assert job.wait().status == "succeeded"
        assert len(world.launches) == 1
        settled(world)


@pytest.mark.parametrize("idempotent", [True, False])
def test_reap_after_a_kill_leaves_nothing(idempotent: bool) -> None:
    """Without anybody who knows the name: the job is gone or done, and nothing is left."""
    for world in every_kill("well", submit, idempotent=idempotent):
        reaped(world)
        settled(world)
        try:
            job = world.client().job("crash")
        except JobNotFound:
            assert world.names("jobs/") == world.names("recent/") == []
            assert world.launches == []
        else:
            assert job.wait().status == "succeeded"
            assert [listed.id for listed in world.client().jobs()] == ["crash"]


@pytest.mark.parametrize("behaviour", ["well", "dies", "taken"])
def test_waiting_that_is_killed_is_taken_up_by_another_client(behaviour: str) -> None:
    """At each request from submit to the result, with a machine that is lost on the way."""
    for world in every_kill(behaviour, submit_and_wait, idempotent=True):
        try:
            job = world.client().job("crash")
        except JobNotFound:
            continue
        result = job.wait()
        assert result.status == "succeeded"
        assert result.attempts == len(world.launches) == (1 if behaviour == "well" else 2)
        settled(world)


def test_what_was_just_submitted_is_left_to_who_submitted_it() -> None:
    """For a minute; then anybody starts it."""
    world = World()

    def step(name: str) -> None:
        if world.names("jobs/crash/job.json"):
            raise Killed

    world.step = step
    with pytest.raises(Killed):
        submit(world.client())
    world.step = None
    job = world.client().job("crash")
    states = [job.status]
    assert world.launches == []
    world.advance(61)
    assert [*states, job.status] == ["queued", "starting"]
    assert job.wait().status == "succeeded"
    settled(world)


def seen_by_another(world: World, number: int, act: Callable[[], Job]) -> bool:
    """Let another client look before a request of *act*, by its number, and do what is due, too.

    The job ends well all the same. False where there are fewer requests.
    """
    passed = 0

    def step(_: str) -> None:
        nonlocal passed
        passed += 1
        if passed == number:
            world.step = None
            if world.names("jobs/crash/job.json"):
                assert world.client().job("crash").status != "failed"

    world.step = step
    assert act().wait().status == "succeeded"
    settled(world)
    return passed >= number


def unsure_world(behaviour: str, *, conditions: bool) -> World:
    """Its provider can't tell that it is asked twice; its storage may decide nothing."""
    world = world_of(behaviour, idempotent=False)
    world.unlisted, world.put_if_absent = 0, conditions
    world.storage = Storage(world)
    return world


@pytest.mark.parametrize("put_if_absent", [True, False])
def test_two_clients_at_once_do_each_step_once(put_if_absent: bool) -> None:
    """Before any request of one client another one looks, which does what is due, too."""
    for number in itertools.count(1):
        world = unsure_world("dies", conditions=put_if_absent)
        was_seen = seen_by_another(world, number, lambda: submit_and_wait(world.client()))  # noqa: B023
        assert len(world.launches) == 2
        if not was_seen:
            break


@pytest.mark.parametrize("conditions", [True, False])
def test_two_clients_who_take_up_a_start_make_one_machine(conditions: bool) -> None:
    """Where the provider can't tell that it was asked twice, and wherever the second one looks."""
    for number in itertools.count(1):
        world = unsure_world("long", conditions=conditions)
        _killed_before_its_launch(world)
        world.advance(400)
        was_seen = seen_by_another(world, number, lambda: world.client().job("crash"))  # noqa: B023
        assert len(world.launches) == 1
        if not was_seen:
            break


def _killed_before_its_launch(world: World) -> None:
    def step(name: str) -> None:
        if name == "launch":
            raise Killed

    world.step = step
    with pytest.raises(Killed):
        submit(world.client())
    world.step = None


def test_the_same_name_is_the_same_job_and_other_work_is_refused() -> None:
    """While it runs and once it has ended; the text says what differs, and no value of env."""
    world = World()
    work = {**WORK, "env": {"SECRET": "hunter2"}}
    first = world.client().submit("python train.py", **work)
    assert world.client().submit("python train.py", **work).id == first.id
    with pytest.raises(AlreadyExists, match=r"command is .*other\.py") as caught:
        world.client().submit("python other.py", **work)
    assert caught.value.resource == "world://here/crash"
    with pytest.raises(AlreadyExists, match="a value in env differs") as caught:
        world.client().submit("python train.py", **{**work, "env": {"SECRET": "hunter3"}})
    assert "hunter" not in str(caught.value)
    first.wait()
    assert world.client().submit("python train.py", **work).wait() == first.wait()
    with pytest.raises(AlreadyExists, match="retries is 1 there and 0 here"):
        world.client().submit("python train.py", **{**work, "retries": 0})
    assert len(world.launches) == 1
    settled(world)
