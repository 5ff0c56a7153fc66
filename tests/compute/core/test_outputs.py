"""Outputs arrive where they belong, and nowhere else."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import pytest

from portable.compute import JobResult
from portable.errors import Unavailable
from tests.compute.core.world import Behaviour, Runner, World


def making(*outputs: Mapping[str, Any], slots: Mapping[str, bytes]) -> Behaviour:
    """A runner that stores these slots, and says that they are these outputs."""

    def behave(runner: Runner) -> Generator[float, None, None]:
        runner.begin()
        yield 1.0
        for slot, body in slots.items():
            assert runner.write(f"out/{slot}", body) == 200
        runner.exit(0, outputs=outputs)

    return behave


def one(path: str, slot: str = "0000", size: int = 3, task: int = 0) -> dict[str, Any]:
    return {"task": task, "path": path, "slot": slot, "size": size, "crc32": 0}


def run(world: World, outputs: dict[str, str], **asked: Any) -> JobResult:
    return world.client(machines=1).submit("true", outputs=outputs, **asked).wait()


def stored(world: World) -> dict[str, bytes]:
    """A user's own objects."""
    found = world.storage.native.items()
    return {key: body for key, (_, body) in found if not key.startswith("portable/")}


def test_files_and_folders_are_published() -> None:
    """And what they were copied from is removed."""
    outputs = (one("out/a", "0000"), one("out/b/c", "0001"), one("model.pt", "0002"))
    slots = {"0000": b"aaa", "0001": b"bbb", "0002": b"ccc"}
    world = World(behaviours=[making(*outputs, slots=slots)])
    result = run(world, {"out": "runs/7", "model.pt": "models/best.pt"})
    assert stored(world) == {"runs/7/a": b"aaa", "runs/7/b/c": b"bbb", "models/best.pt": b"ccc"}
    assert result.outputs == ("models/best.pt", "runs/7/a", "runs/7/b/c")
    assert not [key for key in world.names("jobs") if "/out/" in key]


@pytest.mark.parametrize("target", ["runs", "runs/{index}"])
def test_each_task_of_an_array_has_its_own(target: str) -> None:
    outputs = (one("out", "0000", task=0), one("out", "0001", task=1))
    world = World(behaviours=[making(*outputs, slots={"0000": b"aaa", "0001": b"bbb"})])
    run(world, {"out": target}, count=2)
    assert stored(world) == {"runs/0": b"aaa", "runs/1": b"bbb"}


def test_the_rest_in_one_tar_is_unpacked() -> None:
    rest = {
        "task": 0,
        "path": "",
        "slot": "0001",
        "size": 20,
        "tar": True,
        "members": [
            {"task": 0, "path": "out/b", "size": 3, "crc32": 0, "offset": 4},
            {"task": 0, "path": "out/c", "size": 0, "crc32": 0, "offset": 20},
        ],
    }
    slots = {"0000": b"aaa", "0001": b"....bbb............."}
    world = World(behaviours=[making(one("out/a"), rest, slots=slots)])
    run(world, {"out": "runs"})
    assert stored(world) == {"runs/a": b"aaa", "runs/b": b"bbb", "runs/c": b""}


HOSTILE = {
    "up": one("out/../../evil"),
    "other": one("other"),
    "absolute": one("/etc/passwd"),
    "backslash": one("out/..\\evil"),
    "control": one("out/a\nb"),
    "sibling": one("outside"),
    "another task's": one("out/a", task=5),
    "missing": one("out/a", slot="0007"),
    "shorter": one("out/a", size=99),
    "dots": one("out/./a"),
    "empty": one("out/"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_machine_can_not_write_elsewhere(case: str) -> None:
    """Whatever its exit.json says: the job fails, the rest is stored, nothing else is touched."""
    outputs = (one("out/good", "0001"), HOSTILE[case])
    world = World(behaviours=[making(*outputs, slots={"0000": b"aaa", "0001": b"bbb"})])
    world.put("evil", b"mine")
    result = run(world, {"out": "runs"})
    assert (result.status, result.reason) == ("failed", "outputs")
    assert "output" in result.detail
    assert stored(world) == {"evil": b"mine", "runs/good": b"bbb"}


def test_outputs_of_one_name_are_kept_apart() -> None:
    """Neither is lost under the other; what has a name of its own is where it belongs."""
    outputs = (one("out/log", "0000"), one("log", "0001"), one("out/a", "0002"))
    slots = {"0000": b"aaa", "0001": b"bbb", "0002": b"ccc"}
    world = World(behaviours=[making(*outputs, slots=slots)])
    result = run(world, {"out": "runs/7", "log": "runs/7/log"}, name="both")
    assert (result.status, result.reason) == ("failed", "outputs")
    assert "'out/log' isn't the only one that would be 'runs/7/log'" in result.detail
    assert "jobs/both/0/1/out/0001" in result.detail
    assert stored(world) == {"runs/7/a": b"ccc"}
    kept = [world.read(f"jobs/both/0/1/out/{slot}") for slot in ("0000", "0001")]
    assert kept == [b"aaa", b"bbb"]


def test_members_outside_of_their_tar_are_a_loss() -> None:
    rest = {
        "task": 0,
        "path": "",
        "slot": "0000",
        "size": 3,
        "tar": True,
        "members": [{"task": 0, "path": "out/b", "size": 5, "crc32": 0, "offset": 1}],
    }
    world = World(behaviours=[making(rest, slots={"0000": b"aaa"})])
    assert run(world, {"out": "runs"}).status == "lost"
    assert stored(world) == {}


def test_publishing_that_fails_is_done_again() -> None:
    """By whoever looks next; until then the job hasn't ended."""
    world = World(behaviours=[making(one("out/a"), slots={"0000": b"aaa"})])
    job = world.client(attempts=1).submit("true", outputs={"out": "runs"})
    world.advance(60)

    def step(name: str) -> None:
        if name == "copy":
            raise Unavailable("not now")

    world.step = step
    with pytest.raises(Unavailable, match="not now"):
        job.wait()
    world.step = None
    assert world.names("active/") != []
    assert world.client().job(job.id).wait().status == "succeeded"
    assert stored(world) == {"runs/a": b"aaa"}
