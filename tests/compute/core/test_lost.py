"""What becomes of machines that are lost, taken away, too late or never there."""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from typing import Any

import pytest

from portable.compute import JobResult
from portable.errors import (
    DeadlineExceeded,
    NoCapacity,
    PermissionDenied,
    QuotaExceeded,
    Unavailable,
)
from tests.compute.core.world import (
    EPOCH,
    Behaviour,
    Runner,
    World,
    dies,
    falls_silent,
    is_preempted,
    never_boots,
    succeeds,
)


def run(world: World, **asked: Any) -> JobResult:
    result = world.client().submit("true", **asked).wait()
    assert world.alive() == []
    assert world.names("active/") == []
    assert world.side_by_side == []
    return result


@pytest.mark.parametrize("behaviour", [dies, falls_silent, never_boots, is_preempted])
@pytest.mark.parametrize("put_if_absent", [True, False])
def test_a_machine_that_is_lost_is_replaced_when_retries_allow(
    behaviour: Behaviour, put_if_absent: bool
) -> None:
    """However it is lost, and the second one starts when the first is gone for certain."""
    world = World(behaviours=[behaviour, succeeds], put_if_absent=put_if_absent, ending=40)
    result = run(world, retries=1)
    assert (result.status, result.exit_code, result.attempts) == ("succeeded", 0, 2)
    assert len(world.launches) == 2
    by_itself = [True] if behaviour is is_preempted else [put_if_absent and behaviour is not dies]
    assert world.ends == [*by_itself, True]  # without a condition the machine has to be gone first


@pytest.mark.parametrize(
    ("behaviour", "reason", "said"),
    [
        (dies, "lost", "is gone"),
        (falls_silent, "lost", "no sign of life for"),
        (never_boots, "lost", r"no sign of life in 600 s: it didn't boot"),
        (is_preempted, "preempted", "'retries' lets another machine try"),
    ],
)
def test_without_retries_a_lost_machine_is_the_end(
    behaviour: Behaviour, reason: str, said: str
) -> None:
    """And the result says why."""
    world = World(behaviours=[behaviour])
    result = run(world)
    assert (result.status, result.reason, result.attempts) == ("lost", reason, 1)
    assert result.tasks[0].exit_code in (None, -15)
    import re

    assert re.search(said, result.detail)


def test_a_command_that_fails_is_not_run_again() -> None:
    """Retries are for machines."""

    def fails(runner: Runner) -> Generator[float, None, None]:
        runner.begin()
        yield 1.0
        runner.exit(3)

    world = World(behaviours=[fails])
    result = run(world, retries=5)
    assert (result.status, result.exit_code, result.reason) == ("failed", 3, "exit")
    assert len(world.launches) == 1


def test_a_machine_that_comes_back_can_not_end_what_was_given_up() -> None:
    """Its exit.json is refused, and what it stored is published nowhere."""
    zombies: list[Runner] = []

    def comes_back(runner: Runner) -> Generator[float, None, None]:
        runner.machine.zombie = True
        zombies.append(runner)
        runner.begin()
        yield 300.0
        runner.write("out/0000", b"of the zombie")
        runner.exit(outputs=[{"task": 0, "path": "out", "slot": "0000", "size": 13, "crc32": 0}])

    def stores(runner: Runner) -> Generator[float, None, None]:
        runner.begin()
        yield from runner.work(400)
        runner.write("out/0000", b"of the second")
        runner.exit(outputs=[{"task": 0, "path": "out", "slot": "0000", "size": 13, "crc32": 0}])

    world = World(behaviours=[comes_back, stores])
    result = run(world, retries=1, outputs={"out": "model"})
    assert (result.status, result.attempts, result.outputs) == ("succeeded", 2, ("model",))
    assert zombies[0].exit_status == 412
    assert world.storage.native["model"][1] == b"of the second"


def test_a_machine_that_ended_just_before_it_went_has_ended_well() -> None:
    """Storage is looked at once more, when the machine is found to be gone."""

    def ends_unseen(runner: Runner) -> Generator[float, None, None]:
        runner.begin()
        yield 1.0

    world = World(behaviours=[ends_unseen])
    job = world.client(heartbeat=1.0).submit("true")

    def step(name: str) -> None:
        if name == "get" and world.machines["m-0"].state == "terminated":
            runner = world.machines["m-0"].runner
            assert runner is not None
            runner.exit(0)  # it was on its way

    world.step = step
    assert job.wait().status == "succeeded"


@pytest.mark.parametrize("skew", [-3600.0, 3600.0])
def test_a_clock_that_is_off_by_an_hour_changes_nothing(skew: float) -> None:
    """Only times of storage are compared."""
    world = World(skew=skew)
    assert run(world).status == "succeeded"
    world = World(skew=skew, behaviours=[falls_silent, succeeds])
    assert run(world, retries=1).attempts == 2
    world = World(skew=skew)
    world.client().submit("true", timeout=600)
    assert world.client().reap() == []
    assert int(world.launches[0].tags["portable-deadline"]) - EPOCH == pytest.approx(1200, abs=2)


def test_a_machine_past_its_deadline_is_ended_though_it_beats() -> None:
    """A runner that doesn't keep its timeout costs no more than a minute."""

    def goes_on(runner: Runner) -> Generator[float, None, None]:
        runner.begin()
        yield from runner.work(1e6)

    world = World(behaviours=[goes_on])
    result = run(world, timeout=600, retries=3)
    assert (result.status, result.reason) == ("failed", "timeout")
    assert world.time - EPOCH < 600 + 600 + 100


def test_cancelling_ends_the_job_and_its_machine() -> None:
    """By the runner where it listens, by force where it doesn't, at once where it isn't up."""
    world = World(behaviours=[lambda runner: slow(runner)])
    job = world.client().submit("true", retries=3)
    world.advance(30)
    assert job.status == "running"
    world.client().job(job.id).cancel()
    result = job.wait()
    assert (result.status, result.exit_code, result.reason) == ("cancelled", -15, "cancelled")
    assert len(world.launches) == 1
    assert world.alive() == []
    job.cancel()  # of one that has ended: nothing
    assert job.wait() == result

    world = World(behaviours=[deaf])
    job = world.client().submit("true", retries=3)
    world.advance(30)
    job.cancel()
    assert job.wait().status == "cancelled"
    assert world.alive() == []

    world = World()
    job = world.client().submit("true", retries=3)
    job.cancel()
    assert job.status == "cancelled"
    assert job.wait().detail == "it was cancelled before its machine was up"
    world.advance(100)
    assert world.alive() == []


def slow(runner: Runner) -> Generator[float, None, None]:
    """Works until it is cancelled."""
    runner.begin()
    yield from runner.work(1e6)
    runner.exit(-15, reason="cancelled")


def deaf(runner: Runner) -> Generator[float, None, None]:
    """Beats, and hears nothing."""
    runner.begin()
    while True:
        runner.beat()
        yield 10.0


def test_waiting_ends_when_its_time_is_over_and_the_job_goes_on() -> None:
    world = World()
    job = world.client().submit("true")
    with pytest.raises(DeadlineExceeded, match="hasn't ended within 2 s; it goes on"):
        job.wait(timedelta(seconds=2))
    assert job.wait().status == "succeeded"


def test_a_launch_that_is_refused_ends_the_job() -> None:
    """Nothing runs, and the record says why."""
    world = World(refuse=[QuotaExceeded("8 vCPUs is the limit of this account")])
    client = world.client()
    with pytest.raises(QuotaExceeded, match="8 vCPUs") as caught:
        client.submit("true", name="refused")
    assert (caught.value.provider, caught.value.operation) == ("world", "launch")
    result = client.job("refused").wait()
    assert (result.status, result.reason) == ("failed", "no machine")
    assert "8 vCPUs" in result.detail
    assert world.alive() == []
    assert world.names("active/") == []


@pytest.mark.parametrize("request_", ["get", "terminate", "launch", "put"])
def test_a_client_that_may_not_do_what_is_due_ends_no_job(request_: str) -> None:
    """It raises, and another one goes on."""
    world = World(behaviours=[dies, succeeds])
    job = world.client().submit("true", retries=1)
    world.advance(60)

    def step(name: str) -> None:
        if name == request_:
            raise PermissionDenied("not you")

    world.step = step
    onlooker = world.client().job(job.id)
    with pytest.raises(PermissionDenied, match="not you"):
        onlooker.wait()
    world.step = None
    world.advance(100)
    assert job.wait().status == "succeeded"


def test_a_launch_whose_answer_was_lost_makes_one_machine() -> None:
    """By its token, or by its name where there are no tokens."""
    for idempotent in (True, False):
        world = World(idempotent=idempotent)
        lost = [Unavailable("the answer was lost", ambiguous=True)]
        original = world._start

        def start(*given: Any, original: Any = original, lost: Any = lost) -> Any:
            machine = original(*given)
            if lost:
                raise lost.pop()
            return machine

        world._start = start  # type: ignore[method-assign,assignment]
        assert run(world).status == "succeeded"
        assert len(world.launches) == 1


def test_a_retry_waits_for_a_machine_for_a_while() -> None:
    """One that isn't there now may be in some minutes; it doesn't count as tried."""
    refusal = NoCapacity("none left")
    world = World(behaviours=[dies, succeeds], refuse=[None, *[refusal] * 4, None])
    result = run(world, retries=1)
    assert (result.status, result.attempts) == ("succeeded", 2)
    world = World(behaviours=[dies], refuse=[None, *[refusal] * 100])
    result = run(world, retries=2)
    assert (result.status, result.reason, result.attempts) == ("failed", "no machine", 1)
    assert "none left" in result.detail
    assert 600 < world.time - EPOCH < 900
    assert 10 < 101 - len(world.refuse) < 15


def test_an_exit_that_can_not_be_read_is_a_loss() -> None:
    """What a machine says is what a stranger says."""

    def lies(runner: Runner) -> Generator[float, None, None]:
        runner.begin()
        yield 1.0
        runner.write("exit", b'{"reason": "because", "tasks": 7}')

    world = World(behaviours=[lies, succeeds])
    assert run(world, retries=1).status == "succeeded"
    assert run(World(behaviours=[lies])).status == "lost"
