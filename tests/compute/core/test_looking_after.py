"""Logs, lists of jobs, machines without jobs, and what `reap` ends."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Generator

import pytest

import portable
from portable.errors import (
    DeadlineExceeded,
    InstanceNotFound,
    InvalidArgument,
    InvalidType,
    JobNotFound,
    NoCapacity,
    Unavailable,
    Unsupported,
)
from tests.compute.core.world import Runner, World, falls_silent, succeeds


def talks(runner: Runner) -> Generator[float, None, None]:
    """Writes a log that grows, with a character that two segments share."""
    runner.begin()
    text = "eins\nzwei\ndreißig\nohne Ende".encode()
    cut = text.index("ß".encode()) + 1
    for end in (3, 7, cut):
        runner.write("log/0000", text[:end])
        yield 5.0
    runner.write("log/0001", text[cut:])
    runner.exit(0)


def test_a_log_is_followed_as_it_grows() -> None:
    """Whole lines, each once, soon after they were written, and the job is done at its end."""
    world = World(behaviours=[talks])
    job = world.client().submit("true")
    lines, seen = [], []
    for line in job.logs(follow=True):
        lines.append(line)
        seen.append(world.time)
    assert lines == ["eins", "zwei", "dreißig", "ohne Ende"]
    assert seen[0] - world.time < -5
    assert world.alive() == []
    assert list(world.client().job(job.id).logs()) == lines


def test_a_log_that_is_not_followed_ends_where_it_is() -> None:
    world = World(behaviours=[talks])
    job = world.client().submit("true")
    assert list(job.logs()) == []
    world.advance(11)
    assert list(job.logs()) == ["eins", "zw"]


def test_a_long_log_is_read_bit_by_bit() -> None:
    """Whoever reads it needs the memory of one segment, whatever there is in all."""

    def talks_long(runner: Runner) -> Generator[float, None, None]:
        runner.begin()
        for number in range(20):
            runner.write(f"log/{number:04d}", b"a\nb")
        yield 1.0
        runner.exit(0)

    world = World(behaviours=[talks_long])
    job = world.client().submit("true")
    job.wait()
    reads: list[str] = []
    world.step = lambda name: reads.append(name) if name == "read" else None
    lines = job.logs()
    assert next(lines) == "a"
    assert len(reads) == 1
    assert [*lines] == ["ba"] * 19 + ["b"]
    assert len(reads) == 20


def test_lines_of_one_task_of_an_array() -> None:
    def both(runner: Runner) -> Generator[float, None, None]:
        runner.begin()
        runner.write("log/0000", b"[0] a\n[1] b\n[0] [1] c\n[10] d\n")
        yield 1.0
        runner.exit(0)

    world = World(behaviours=[both])
    job = world.client(machines=1).submit("true", count=11)
    job.wait()
    assert list(job.logs(task=0)) == ["a", "[1] c"]
    assert list(job.logs(task=1)) == ["b"]
    assert len(list(job.logs())) == 4
    with pytest.raises(InvalidArgument, match="no task 11; they are 0 to 10"):
        job.logs(task=11)
    with pytest.raises(InvalidType, match="index, not 'a'"):
        job.logs(task="a")  # type: ignore[arg-type]


def test_jobs_are_listed_the_newest_first() -> None:
    world = World()
    client = world.client()
    for name in ("b", "a", "c"):
        client.submit("true", name=name).wait()
        world.advance(10)
    client.submit("true", name="d")
    assert [job.id for job in client.jobs()] == ["d", "c", "a", "b"]
    assert [job.id for job in client.jobs(limit=2)] == ["d", "c"]
    assert [job.id for job in client.jobs(active=True)] == ["d"]
    assert [job.id for job in client.jobs(active=False)] == ["c", "a", "b"]
    with pytest.raises(InvalidArgument, match="limit"):
        client.jobs(limit=-1)


def test_a_job_that_there_is_not() -> None:
    client = World().client()
    with pytest.raises(JobNotFound, match="no job 'nope' in memory://") as caught:
        client.job("nope")
    assert caught.value.operation == "job"
    with pytest.raises(JobNotFound, match="and can't be"):
        client.job("../nope")


def test_a_job_that_was_deleted_is_not_started_anew() -> None:
    """Whoever still has a handle of it is told."""
    world = World()
    job = world.client().submit("true", name="gone")
    for key in world.names("jobs/gone/"):
        del world.storage._store.objects[f"portable/compute/{key}"]
    world.advance(120)
    for look in (lambda: job.status, job.wait, lambda: list(job.logs(follow=True))):
        with pytest.raises(JobNotFound, match="'gone' was deleted meanwhile"):
            look()
    assert len(world.launches) == 1


def test_a_job_of_another_place_is_looked_at_only() -> None:
    """Its machines aren't this place's: nothing is given up because they aren't known here."""
    world = World(behaviours=[falls_silent])
    job = world.client().submit("true")
    world.advance(2000)
    other = world.client()
    other._connection.provider = "elsewhere"
    assert other.job(job.id).status == "running"
    assert other.reap(dry_run=False) == []
    assert other.job(job.id).status == "running"
    assert world.client().job(job.id).status == "lost"


def test_reap_ends_what_a_vanished_client_left() -> None:
    """A dry run tells and changes nothing; an unknown job's machine has its deadline only."""
    world = World(behaviours=[falls_silent])
    world.client().submit("true", name="left", timeout=600)
    world.advance(100)
    client = world.client()
    (found,) = client.reap()
    assert (found.id, len(world.alive())) == ("m-0", 1)
    (found,) = client.reap(dry_run=False)
    assert (found.id, world.alive()) == ("m-0", [])
    assert client.job("left").status == "lost"

    world = World(behaviours=[falls_silent])
    world.client().submit("true", timeout=600)
    world.advance(10)
    for key in list(world.storage.native):
        del world.storage._store.objects[key]  # another storage
    world.advance(1000)
    assert world.client().reap() == []
    assert world.client().reap(dry_run=False) == []
    world.advance(300)
    (found,) = world.client().reap()
    assert (found.id, len(world.alive())) == ("m-0", 1)
    (found,) = world.client().reap(dry_run=False)
    assert (found.id, world.alive()) == ("m-0", [])


def test_jobs_of_one_name_in_two_storages_leave_each_other_alone() -> None:
    """Their machines are in one account: an end here, and `reap`, leave that one running."""

    def works_long(runner: Runner) -> Generator[float, None, None]:
        runner.begin()
        yield from runner.work(400)
        runner.exit(0)

    here, there = World(idempotent=False), World(idempotent=False, behaviours=[works_long])
    there.machines, there._born = here.machines, here._born
    theirs = there.client().submit("true", name="train")
    ours = here.client().submit("true", name="train")
    assert ours.wait().status == "succeeded"
    assert here.client().reap(dry_run=False) == []
    (left,) = here.alive()
    assert left.wanted is there.launches[0]
    assert left.wanted.name != here.launches[0].name
    assert theirs.wait().attempts == 1
    assert here.alive() == []


def test_reap_goes_on_where_one_job_fails() -> None:
    world = World(behaviours=[falls_silent])
    for name in ("a", "b"):
        world.client().submit("true", name=name)
    world.advance(100)
    failures = [Unavailable("not this one")]

    def step(name: str) -> None:
        if name == "terminate" and failures:
            raise failures.pop()

    world.step = step
    with pytest.raises(ExceptionGroup, match="1 of what was to be reaped failed"):
        world.client(attempts=1).reap(dry_run=False)
    world.client().reap(dry_run=False)
    assert world.alive() == []


def test_machines_without_jobs() -> None:
    world = World(capabilities={"stops": True})
    instances = world.client().instances
    made = instances.create("my-vm", boot="echo hi", tags={"team": "a"}, ssh_key="ssh-ed25519 A")
    (launch,) = world.launches
    assert (launch.name, launch.ssh_key, launch.boot) == (
        "my-vm",
        "ssh-ed25519 A",
        "#!/bin/sh\necho hi",
    )
    assert launch.tags["team"] == "a"
    world.machines[made.id].run = None
    world.machines[made.id].state = "running"
    assert made.wait().state == "running"
    assert [each.id for each in instances.list({"team": "a"})] == [made.id]
    assert list(instances.list({"team": "b"})) == []
    made.stop()
    assert made.wait("stopped").state == "stopped"
    made.start()
    assert instances.get(made.id).info.state == "running"
    with pytest.raises(DeadlineExceeded, match="isn't stopped within 5 s"):
        made.wait("stopped", timeout=5)
    made.terminate()
    instances.terminate(made.id)
    assert made.wait("terminated").state == "terminated"
    with pytest.raises(InstanceNotFound, match="it has ended, and wasn't seen running"):
        made.wait()
    with pytest.raises(InstanceNotFound, match="knows no such machine"):
        instances.get("m-99")


def test_a_machine_is_refused_where_it_can_not_be() -> None:
    world = World(refuse=[NoCapacity("none")])
    instances = world.client().instances
    with pytest.raises(InvalidArgument, match="single dashes"):
        instances.create("My VM")
    with pytest.raises(InvalidArgument, match="portable's own"):
        instances.create(tags={"portable": "2"})
    with pytest.raises(InvalidArgument, match="isn't made of"):
        instances.create(tags={"team": "A B"})
    with pytest.raises(InvalidArgument, match="16384 is the most"):
        instances.create(boot="x" * 20_000)
    with pytest.raises(InvalidArgument, match="a year at most"):
        instances.create(lifetime=1e300)
    with pytest.raises(InvalidArgument, match="one line"):
        instances.create(ssh_key="ssh-ed25519 A\nssh-ed25519 B")
    for wrong in ({"boot": 3}, {"ssh_key": b"ssh"}, {"tags": {"a": 3}}):
        with pytest.raises(InvalidType, match="str"):
            instances.create(**wrong)
    with pytest.raises(InstanceNotFound, match="can't be"):
        instances.get("a\0b")
    with pytest.raises(InvalidType, match="not int"):
        instances.terminate(3)  # type: ignore[arg-type]
    with pytest.raises(NoCapacity, match="none"):
        instances.create()
    made = instances.create()
    with pytest.raises(InvalidArgument, match="'gone'; it is one of"):
        made.wait("gone")  # type: ignore[arg-type]
    with pytest.raises(Unsupported, match="can't be stopped"):
        made.stop()
    assert len(world.launches) == 1


def test_machines_without_jobs_are_reaped_when_their_time_is_over() -> None:
    world = World()
    made = world.client().instances.create(lifetime=3600)
    world.machines[made.id].run = None
    world.advance(3500)
    assert world.client().reap() == []
    world.advance(200)
    assert [each.id for each in world.client().reap(dry_run=False)] == [made.id]


def test_handles_travel() -> None:
    """A job's connection is made anew where it arrives."""
    world = World(behaviours=[succeeds])
    job = world.client().submit("true")
    assert copy.copy(job).wait() == job.wait()
    default = pickle.loads(pickle.dumps(portable.compute.submit))
    assert default.__self__ is portable.compute.submit.__self__  # type: ignore[attr-defined]
