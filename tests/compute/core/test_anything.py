"""Whatever happens to machines and clients, a job ends in one known state and nothing is left."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from portable.errors import JobNotFound, NoCapacity, PortableError, Unavailable
from tests.compute.core.world import (
    Killed,
    Runner,
    World,
    dies,
    falls_silent,
    is_preempted,
    never_boots,
    succeeds,
)


def fails(runner: Runner) -> Generator[float, None, None]:
    """Its command ends with 3."""
    if runner.begin():
        yield 3.0
        runner.exit(3)


def comes_back(runner: Runner) -> Generator[float, None, None]:
    """Is silent for an hour, survives its own end, and says that all went well."""
    runner.machine.zombie = True
    runner.begin()
    yield 3600.0
    runner.exit(0)
    runner.machine.zombie = False


BEHAVIOURS = [succeeds, dies, falls_silent, never_boots, is_preempted, fails, comes_back]
# What befalls a client at one of its requests.
BEFALLS = ["nothing", "nothing", "killed", "unavailable", "answer lost", "another looks", "refused"]


@settings(deadline=None, max_examples=100)
@given(
    behaviours=st.lists(st.sampled_from(BEHAVIOURS), min_size=1, max_size=4),
    befalls=st.lists(st.sampled_from(BEFALLS), max_size=60),
    put_if_absent=st.booleans(),
    idempotent=st.booleans(),
    unlisted=st.sampled_from([0.0, 10.0, 40.0]),
    ending=st.sampled_from([0.0, 45.0]),
    skew=st.sampled_from([-3600.0, 0.0, 3600.0]),
    count=st.sampled_from([1, 3]),
    retries=st.sampled_from([0, 2]),
)
def test_a_job_ends_in_one_state_and_nothing_is_left(
    behaviours: list[Any],
    befalls: list[str],
    put_if_absent: bool,
    idempotent: bool,
    unlisted: float,
    ending: float,
    skew: float,
    count: int,
    retries: int,
) -> None:
    world = World(
        behaviours=behaviours,
        put_if_absent=put_if_absent,
        idempotent=idempotent,
        unlisted=unlisted,
        ending=ending,
        skew=skew,
    )
    fate = iter(befalls)
    inside = False

    def step(name: str) -> None:
        nonlocal inside
        if inside:
            return
        what = next(fate, "nothing")
        if what == "killed":
            raise Killed
        if what == "unavailable":
            raise Unavailable("not now")
        if what == "refused" and name == "launch":
            raise NoCapacity("not now")
        if what == "another looks" and put_if_absent:
            inside = True
            try:
                _ = world.client(machines=2).job("any").status
            except JobNotFound:
                pass
            finally:
                inside = False

    def lose(name: str) -> None:
        if not inside and next(fate, "nothing") == "answer lost":
            raise Unavailable("the answer was lost", ambiguous=True)

    world.step, world.answered = step, lose
    result = None
    for _ in range(70):  # clients, one after another
        client = world.client(machines=2, attempts=2)
        try:
            job = client.submit("true", name="any", count=count, retries=retries)
            result = job.wait(5000)
            break
        except (Killed, PortableError):
            world.advance(30)
    world.step = world.answered = None
    if result is None:
        result = world.client(machines=2).job("any").wait(20_000)
    for _ in range(4):
        world.client().reap(dry_run=False)
        world.advance(3600)
    assert world.client().job("any").wait() == result
    assert result.status in ("succeeded", "failed", "lost")
    assert world.alive() == []
    assert world.names("active/") == []
    assert not [key for key in world.names() if key.endswith((".pyz", ".zip"))]
    assert world.side_by_side == []
    attempts = [launch.name for launch in world.launches]
    assert len(attempts) == len(set(attempts)) <= min(count, 2) * (retries + 1)
    if result.status == "succeeded":
        assert [(task.index, task.exit_code) for task in result.tasks] == [
            (index, 0) for index in range(count)
        ]
