"""What can be asked for, and what is refused before anything is sent."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from portable.compute import Needs, choosing
from portable.compute.catalogue import Offer
from portable.compute.work import Work
from portable.errors import (
    InvalidArgument,
    InvalidType,
    NoCapacity,
    NotFound,
    PortableError,
    Unsupported,
)
from portable.storage import Bucket, SignedRequest
from portable_memory.settings import MemorySettings
from portable_memory.storage import MemoryStorage
from tests.compute.core.world import Storage, World


def manifest_of(world: World, **asked: Any) -> Mapping[str, Any]:
    world.client().submit(asked.pop("command", "true"), **asked).wait()
    runner = world.machines["m-0"].runner
    assert runner is not None
    return {**runner.manifest, "names": runner.archive.namelist(), "archive": runner.archive}


REFUSED: dict[str, tuple[dict[str, Any], type[PortableError], str]] = {
    "no command": ({"command": " "}, InvalidArgument, "empty"),
    "no words": ({"command": []}, InvalidArgument, "empty"),
    "words that are none": ({"command": ["a", 3]}, InvalidType, "words are str, not int"),
    "a number": ({"command": 3}, InvalidType, "a str, a list of them or a function, not int"),
    "NUL": ({"command": ["a\0b"]}, InvalidArgument, "NUL"),
    "name with a space": ({"name": "a b"}, InvalidArgument, "lower-case letters"),
    "name too long": ({"name": "a" * 41}, InvalidArgument, "at most 40"),
    "name with two dashes": ({"name": "a--b"}, InvalidArgument, "single dashes"),
    "name of a number": ({"name": 7}, InvalidType, "a str, not int"),
    "no timeout": ({"timeout": None}, InvalidType, "without an end"),
    "endless": ({"timeout": float("inf")}, InvalidArgument, "finite"),
    "not a number": ({"timeout": float("nan")}, InvalidArgument, "finite"),
    "time as text": ({"timeout": "5"}, InvalidType, "not str"),
    "more than any number": ({"timeout": 10**400}, InvalidArgument, "finite"),
    "no time": ({"timeout": 0}, InvalidArgument, "above 0"),
    "a week": ({"timeout": 7 * 86400}, InvalidArgument, r"6\.5 days"),
    "retries below 0": ({"retries": -1}, InvalidArgument, "from 0 to 20"),
    "retries of a bool": ({"retries": True}, InvalidType, "whole number"),
    "no tasks": ({"count": 0}, InvalidArgument, "1 or more"),
    "no money": ({"max_usd": 0}, InvalidArgument, "above 0"),
    "unknown price": ({"max_usd": 5}, InvalidArgument, "usd_per_hour"),
    "env NUL": ({"env": {"A": "a\0b"}}, InvalidArgument, "NUL"),
    "env surrogate": ({"env": {"A": "\ud800"}}, InvalidArgument, "UTF-8"),
    "env name": ({"env": {"A=B": "x"}}, InvalidArgument, "can't be the name"),
    "env of numbers": ({"env": {"A": 1}}, InvalidType, "type str"),
    "env of ours": ({"env": {"PORTABLE_JOB": "x"}}, InvalidArgument, "set by portable"),
    "env too long": ({"env": {"A": "x" * 70000}}, InvalidArgument, "65536 bytes"),
    "env of wide letters": ({"env": {"A": "日" * 30000}}, InvalidArgument, "65536 bytes"),
    "a word too long": ({"command": "x" * 131072}, InvalidArgument, "131072 bytes, and a machine"),
    "one path twice": ({"outputs": {"a": "x", "a/": "y"}}, InvalidArgument, "'a' is named twice"),
    "one place twice": (
        {"outputs": {"a": "runs", "b": "runs/"}},
        InvalidArgument,
        "'a' and 'b' would both be stored as 'runs'",
    ),
    "input up": ({"inputs": {"../x": "a"}}, InvalidArgument, "no path in a task's folder"),
    "input absolute": ({"inputs": {"/etc": "a"}}, InvalidArgument, "no path in a task's folder"),
    "inputs in each other": ({"inputs": {"a": "x", "a/b": "y"}}, InvalidArgument, "'a/b' is in"),
    "missing input": ({"inputs": {"a": "nothing"}}, NotFound, "no object 'nothing' and nothing"),
    "outputs into jobs": (
        {"outputs": {"out": "portable/compute/jobs"}},
        InvalidArgument,
        "where jobs themselves are kept",
    ),
    "output up": ({"outputs": {"out": "a/../b"}}, InvalidArgument, "segment"),
    "files elsewhere": ({"files": ["/etc/passwd"]}, InvalidArgument, "isn't below the working"),
    "files up": ({"files": [".."]}, InvalidArgument, "isn't below the working"),
    "files that are none": ({"files": [3]}, InvalidType, "a list of paths, unlike 3"),
    "a number of files": ({"files": 3}, InvalidType, "a list of paths"),
    "no such file": ({"files": ["none.py"]}, InvalidArgument, "there is no 'none.py'"),
    "one file": ({"files": "train.py"}, InvalidType, "a list of paths"),
    "a type": ({"machine": "m5.large"}, Unsupported, "no types of machines"),
    "an image": ({"image": "ubuntu-24.04"}, Unsupported, "no images"),
    "no processors": ({"cpus": 0}, InvalidArgument, "cpus"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_done_is_refused_before_anything_is_sent(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is wrong, and nothing left behind."""
    monkeypatch.chdir(tmp_path)
    asked, kind, said = REFUSED[case]
    world = World()
    with pytest.raises(kind, match=said):
        world.client().submit(**{"command": "true", **asked})
    assert world.storage.native == {}
    assert world.launches == []


@pytest.mark.parametrize(
    "name",
    [
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AZURE_CLIENT_SECRET",
        "AZURE_STORAGE_CONNECTION_STRING",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "DIGITALOCEAN_TOKEN",
        "DIGITALOCEAN_ACCESS_TOKEN",
        "SPACES_SECRET_ACCESS_KEY",
    ],
)
def test_credentials_of_a_cloud_do_not_go_to_its_machines(name: str) -> None:
    """Nor is their value in the error."""
    with pytest.raises(InvalidArgument, match="cloud's credentials") as caught:
        World().client().submit("true", env={name: "hush"})
    assert "hush" not in str(caught.value)


def test_values_of_env_are_in_the_archive_only() -> None:
    """Any text with line breaks; `job.json` has the names; afterwards they are nowhere."""
    world = World()
    value = 'zwei\nZeilen "und" 日本 $HOME'
    job = world.client().submit("true", env={"TEXT": value, "HF_TOKEN": "hf"}, name="env")
    record = json.loads(world.read("jobs/env/job.json"))
    assert record["env"] == ["HF_TOKEN", "TEXT"]
    assert "Zeilen" not in json.dumps(record, ensure_ascii=False)
    job.wait()
    runner = world.machines["m-0"].runner
    assert runner is not None
    assert runner.manifest["env"] == {"TEXT": value, "HF_TOKEN": "hf"}
    assert world.names("jobs/env/0/1/job.pyz") == []
    assert not [key for key in world.names("jobs") if "work" in key]


def test_a_str_is_for_the_shell_and_a_list_is_executed_as_it_is() -> None:
    assert manifest_of(World(), command="a | b")["command"] == ["sh", "-c", "a | b"]
    assert manifest_of(World(), command=["a", "| b"])["command"] == ["a", "| b"]


def test_files_that_the_command_names_go_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And those that are given; not what inputs and outputs stand for, nor what is elsewhere."""
    monkeypatch.chdir(tmp_path)
    for name in ("train.py", "conf/a.toml", "data/x", "out/y", "pkg/m.py", "pkg/__pycache__/m.pyc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "after.py").write_text("")
    (tmp_path / "run.sh").write_text("#!/bin/sh")
    (tmp_path / "run.sh").chmod(0o755)
    (tmp_path / "python").symlink_to("/usr/bin/env")
    world = World()
    world.put("digits")
    manifest = manifest_of(
        world,
        command="./run.sh python train.py --conf 'conf/a.toml' data/x out/y /etc/passwd;./after.py",
        files=["pkg"],
        inputs={"data": "digits"},
        outputs={"out": "runs"},
    )
    assert manifest["files"] == ["after.py", "conf/a.toml", "pkg/m.py", "run.sh", "train.py"]
    assert manifest["executables"] == ["run.sh"]
    assert manifest["archive"].read("files/conf/a.toml") == b"conf/a.toml"


def test_a_link_out_of_the_working_directory_does_not_go_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / "pkg").mkdir(parents=True)
    (tmp_path / "secret").write_text("s")
    (home / "pkg" / "link").symlink_to(tmp_path / "secret")
    (home / "folder").symlink_to(tmp_path)
    monkeypatch.chdir(home)
    for name in ("pkg", "folder"):
        with pytest.raises(InvalidArgument, match="is a link to"):
            World().client().submit("true", files=[name])


def test_files_that_are_too_large_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with open("weights.bin", "wb") as file:
        os.truncate(file.fileno(), 101 * 1024**2)
    with pytest.raises(InvalidArgument, match=r"101\.0 MiB, and 100 is the most; 'weights.bin'"):
        World().client().submit("cat weights.bin")


def test_inputs_are_objects_and_folders_of_them() -> None:
    world = World()
    for key in ("one", "many/a", "many/b/c", "manyfold"):
        world.put(key, key.encode())
    found = manifest_of(world, inputs={"x": "one", "data": "many"})["inputs"]
    assert [(each["path"], each["size"]) for each in found] == [
        ("x", 3),
        ("data/a", 6),
        ("data/b/c", 8),
    ]
    assert world.send(found[2]["get"]) == (200, b"many/b/c")


def test_what_a_machine_may_do_is_signed_and_nothing_else() -> None:
    """For as long as it may be there; both ends are written once."""
    manifest = manifest_of(World(), outputs={"out": "runs"}, count=2, timeout=100)
    signed = manifest["store"]["signed"]
    assert {name.split("/")[0] for name in signed} == {
        "started",
        "state",
        "exit",
        "cancel",
        "log",
        "out",
    }
    for name, request in signed.items():
        method, _, key = request["url"].removeprefix("signed://").split("/", 2)
        assert "/jobs/" in key
        assert ("If-None-Match" in request["headers"]) is (name in ("started", "exit"))
        assert method == ("GET" if name.endswith(("cancel", "/read")) else "PUT")


def test_credentials_that_end_before_the_job_are_told_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What they signed ends with them; the job is started all the same."""

    def sign(self: Storage, key: str, *, expires: timedelta, **asked: Any) -> SignedRequest:
        request = whole(self, key, expires=expires, **asked)
        return replace(request, expires_at=self._world.storage_time() + timedelta(hours=1))

    World().client().submit("true", timeout=86400)
    assert caplog.text == ""
    whole = Storage.sign
    monkeypatch.setattr(Storage, "sign", sign)
    World().client().submit("true", name="long", timeout=86400)
    assert "job 'long' may take 87000 s, and the credentials" in caplog.text
    assert "end in 3600 s" in caplog.text


def test_storage_that_machines_can_not_reach_is_refused() -> None:
    world = World()
    bucket = Bucket(
        lambda: MemoryStorage(MemorySettings(name=world.name)),
        MemorySettings(name=world.name),
        provider="memory",
    )
    client = world.client()
    client._connection._bucket = bucket
    with pytest.raises(Unsupported, match="need signed requests, and 'memory' has none"):
        client.submit("true")


OFFERS = [
    Offer(
        provider="world",
        region="here",
        machine=f"m{n}",
        cpus=4 * n,
        memory_gib=16 * n,
        usd_per_hour=0.25 * n if n < 3 else None,
        as_of=date(2026, 11, n),
        source="list",
    )
    for n in (1, 2, 3)
]


@pytest.fixture
def priced(monkeypatch: pytest.MonkeyPatch) -> World:
    """A world whose machines are in a catalogue."""
    monkeypatch.setattr(choosing, "_offers", lambda *_: list(OFFERS))
    return World(capabilities={"region": "here", "images": True})


def test_the_cheapest_machine_is_taken_and_its_price_is_kept(priced: World) -> None:
    job = priced.client().submit("true")
    job.wait()
    assert priced.launches[0].machine == "m1"
    assert priced.launches[0].image == "ubuntu-24.04"
    first = job.record.choices[0]
    assert (first.usd_per_hour, first.as_of, first.source) == (0.25, "2026-11-01", "list")
    assert job.cost == pytest.approx(0.25 * 15 / 3600, rel=0.2)


def test_where_there_is_none_the_next_cheapest_is_taken(priced: World) -> None:
    priced.refuse = [NoCapacity("no m1"), None]
    job = priced.client().submit("true")
    job.wait()
    assert priced.launches[0].machine == "m2"
    assert job.cost == pytest.approx(0.5 * 15 / 3600, rel=0.2)
    priced.refuse = [NoCapacity(f"no m{n}") for n in (1, 2, 3)]
    with pytest.raises(NoCapacity, match="m1: no m1; m2: no m2; m3: no m3"):
        priced.client().submit("true")
    assert priced.alive() == []


def test_the_money_is_a_limit_for_the_machine(priced: World) -> None:
    """It is ended when it is used up; the dearest machine that may be taken counts."""
    job = priced.client().submit("true", max_usd=0.5)
    assert [choice.machine for choice in job.record.choices] == ["m1", "m2"]
    assert priced.launches[0].lifetime == 3600
    assert job.record.seconds == 3000
    with pytest.raises(InvalidArgument, match="pays 7 s of 1 × m1"):
        priced.client().submit("true", max_usd=0.001)
    assert priced.client(usd_per_hour=1.0).submit("true", max_usd=50).record.seconds == 3600


def test_tasks_fill_machines_that_are_larger_than_one_needs(priced: World) -> None:
    job = priced.client().submit("true", count=20, cpus=2, memory_gib=4)
    assert (job.record.slots, job.record.shards) == (2, 8)
    assert priced.client().submit("true", count=3, cpus=1).record.shards == 1


def test_needs_that_nothing_meets_name_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(capabilities={"region": "nowhere"})
    with pytest.raises(InvalidArgument, match="no machine of 'world' in nowhere has what is"):
        world.client().submit("true", gpu="H100")
    # A type that the catalogue hasn't may exist all the same.
    world.client().submit("true", machine="odd.type")
    assert world.launches[0].machine == "odd.type"
    assert world.launches[0].needs == Needs(machine="odd.type")


def test_a_boot_script_is_short_and_tells_no_secret() -> None:
    world = World()
    world.client().submit("true", env={"A": "hunter2"}, name="x" * 40, timeout=86400)
    (launch,) = world.launches
    found = re.search(r"signed://GET/(\d+)/", launch.boot)
    assert found is not None
    assert int(found[1]) - world.time == 600 + 3600  # `boot`, and an hour
    assert "signed://" not in repr(launch)
    assert "hunter2" not in repr(Work(env={"A": "hunter2"}))
    assert len(launch.boot) < 1024
    assert "hunter2" not in launch.boot
    assert len(launch.name) <= 63
    assert set(launch.tags) == {
        "portable",
        "portable-job",
        "portable-nonce",
        "portable-shard",
        "portable-attempt",
        "portable-owner",
        "portable-deadline",
    }
