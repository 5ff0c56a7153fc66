"""A cloud in this process: a bucket, machines with scripted runners, and a clock that is moved.

What happens is what the contract says happens (docs/compute-contract.md): a runner reads its archive
by the signed URL of its boot script and writes by those in its manifest. Every request of a client
can be its last one, and between any two of them another client can be at work.
"""

from __future__ import annotations

import io
import itertools
import json
import re
import zipfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from portable.adapter import ComputeSettings
from portable.compute import Compute
from portable.compute.driver import ComputeCapabilities, Launch
from portable.compute.types import InstanceInfo
from portable.errors import PortableError, QuotaExceeded
from portable.retry import Surroundings
from portable.storage import Bucket, SignedRequest
from portable.storage.around import DriverAround
from portable.storage.driver import StorageDriver, StoredObject, WriteOptions
from portable_memory.settings import MemorySettings
from portable_memory.storage import MemoryStorage

EPOCH = 1_800_000_000.0
BOOT_SECONDS = 5.0

NUMBERS = itertools.count()
Behaviour = Callable[["Runner"], Generator[float, None, None]]


class Killed(BaseException):
    """The client's process is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(ComputeSettings):
    """Of the machines here."""

    @property
    def url(self) -> str:
        return "world://here"


class Storage(MemoryStorage):
    """A bucket that dates objects by the world's clock, and signs requests."""

    def __init__(self, world: World) -> None:
        super().__init__(MemorySettings(name=world.name))
        self._world = world
        self.capabilities = replace(
            MemoryStorage.capabilities,
            put_if_absent=world.put_if_absent,
            put_if_match=world.put_if_absent,
            sign_max=timedelta(days=7),
        )

    def _publish(self, key: str, body: bytes, crc32: int, write: WriteOptions) -> StoredObject:
        stored = super()._publish(key, body, crc32, write)
        stored = replace(stored, last_modified=self._world.storage_time())
        self._store.objects[key] = (stored, bytes(body))
        if key.endswith("/exit.json"):
            place = tuple(key.split("/")[-4:-1])
            self._world.ends.append(any(each.place == place for each in self._world.alive()))
        return stored

    def sign(
        self,
        key: str,
        *,
        method: str,
        expires: timedelta,
        content_type: str | None,
        if_absent: bool,
    ) -> SignedRequest:
        until = self._world.storage_time() + expires
        headers = {"If-None-Match": "*"} if if_absent else {}
        url = f"signed://{method}/{int(until.timestamp())}/{key}"
        return SignedRequest(method=method, url=url, headers=headers, expires_at=until)


@dataclass
class Machine:
    """One machine of the world.

    Attributes:
        zombie: Does it go on when it was ended?
        ends_at: When it is terminated, once that was asked for.
    """

    wanted: Launch
    id: str
    state: str = "pending"
    run: Generator[float, None, None] | None = None
    due: float = 0.0
    zombie: bool = False
    ends_at: float | None = None
    runner: Runner | None = None

    @property
    def place(self) -> tuple[str, str, str]:
        tags = self.wanted.tags
        return tags["portable-job"], tags["portable-shard"], tags["portable-attempt"]

    def info(self) -> InstanceInfo:
        return InstanceInfo(
            id=self.id,
            name=self.wanted.name,
            state=self.state,  # type: ignore[arg-type]
            raw_state=self.state.upper(),
            machine=self.wanted.machine,
            tags=dict(self.wanted.tags),
        )


@dataclass
class World:
    """All that there is.

    Attributes:
        behaviours: What the runner of each machine does, in the order of their launches; the last
            one goes on for all that follow.
        skew: Seconds by which clients' clocks are ahead of storage's.
        step: Called before each request of a client, with its name.
        answered: Called when one was carried out, and before the client hears of it.
        refuse: Raised by launches, first things first; `None` lets one through.
        limit: Launches are refused as long as there are so many machines.
        unlisted: Seconds for which a new machine isn't listed, nor known.
        ending: Seconds that a machine takes to end.
        ends: For each exit.json that was stored: was its machine still there?
        side_by_side: Pairs of machines that were there at once for one shard.
    """

    name: str = field(default_factory=lambda: f"world-{next(NUMBERS)}")
    behaviours: Sequence[Behaviour] = ()
    put_if_absent: bool = True
    idempotent: bool = True
    skew: float = 0.0
    time: float = EPOCH
    step: Callable[[str], None] | None = None
    answered: Callable[[str], None] | None = None
    refuse: list[PortableError | None] = field(default_factory=list)
    limit: int | None = None
    unlisted: float = 0.0
    ending: float = 0.0
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    machines: dict[str, Machine] = field(default_factory=dict)
    side_by_side: list[tuple[str, str]] = field(default_factory=list)
    launches: list[Launch] = field(default_factory=list)
    ends: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.storage = Storage(self)
        self._born: dict[str, float] = {}

    def storage_time(self) -> datetime:
        """Storage's clock."""
        return datetime.fromtimestamp(self.time, UTC)

    def client(self, **settings: Any) -> Compute:
        """A new client, as in another process."""
        around = Surroundings(
            clock=lambda: self.time,
            sleep=self.advance,
            random=lambda: 0.0,
            now=lambda: self.time + self.skew,
        )
        bucket = Bucket(
            lambda: Stepped(self, self.storage),
            MemorySettings(name=self.name),
            provider="memory",
            surroundings=around,
        )
        return Compute(
            lambda: Driver(self),
            Settings(**settings),
            provider="world",
            storage=lambda: bucket,
            surroundings=around,
        )

    def advance(self, seconds: float) -> None:
        """Let time pass, and machines do what they do meanwhile."""
        until = self.time + seconds
        while True:
            nexts = [
                (machine.due, machine.id)
                for machine in self.machines.values()
                if machine.run is not None and machine.due <= until
            ]
            ends = [
                (machine.ends_at, machine.id)
                for machine in self.machines.values()
                if machine.ends_at is not None and machine.ends_at <= until
            ]
            if not nexts and not ends:
                break
            when, id = min([*nexts, *ends])
            self.time = max(self.time, when)
            machine = self.machines[id]
            if machine.ends_at is not None and machine.ends_at <= when:
                self.end(machine)
            else:
                self._go_on(machine)
        self.time = until

    def end(self, machine: Machine) -> None:
        """It is gone, and what ran on it, but for a zombie."""
        machine.state, machine.ends_at = "terminated", None
        if not machine.zombie:
            machine.run = None

    def alive(self) -> list[Machine]:
        """Machines that cost money."""
        return [each for each in self.machines.values() if each.state != "terminated"]

    def names(self, prefix: str = "") -> list[str]:
        """What is in storage, below the folder of jobs."""
        home = "portable/compute/"
        found = (key.removeprefix(home) for key in self.storage.native if key.startswith(home))
        return sorted(key for key in found if key.startswith(prefix))

    def read(self, key: str) -> bytes:
        """An object below the folder of jobs."""
        return self.storage.native[f"portable/compute/{key}"][1]

    def put(self, key: str, data: bytes = b"x") -> None:
        """A user's own object."""
        write = WriteOptions(content_type="", metadata={})
        import zlib

        self.storage.put(key, data, zlib.crc32(data), write)

    def send(self, signed: Mapping[str, Any], body: bytes | None = None) -> tuple[int, bytes]:
        """What a machine's plain HTTP client does: an answer's status and body."""
        _, until, key = signed["url"].removeprefix("signed://").split("/", 2)
        if self.time > int(until):
            return 403, b""
        if body is None:
            found = self.storage.native.get(key)
            return (404, b"") if found is None else (200, found[1])
        once = signed["headers"].get("If-None-Match") == "*"
        if once and key in self.storage.native:
            return 412, b""
        self.put(key, body)
        return 200, b""

    def _go_on(self, machine: Machine) -> None:
        assert machine.run is not None
        machine.due = self.time
        try:
            machine.due += next(machine.run)
        except StopIteration:  # the boot script's last line is poweroff
            machine.run = None
            self.end(machine)

    def _start(self, wanted: Launch) -> Machine:
        machine = Machine(wanted, f"m-{len(self.machines)}")
        for other in self.alive():
            if other.place[:2] == machine.place[:2]:
                self.side_by_side.append((other.id, machine.id))
        self.machines[machine.id] = machine
        self._born[machine.id] = self.time
        behaviours = self.behaviours or [succeeds]
        behave = behaviours[min(len(self.launches), len(behaviours) - 1)]
        self.launches.append(wanted)
        machine.run = _booted(self, machine, behave)
        machine.due = self.time + BOOT_SECONDS
        return machine

    def known(self, machine: Machine) -> bool:
        """Does the provider's listing have it already?"""
        return self.time >= self._born[machine.id] + self.unlisted


def _booted(world: World, machine: Machine, behave: Behaviour) -> Generator[float, None, None]:
    machine.state = "running"
    found = re.search(r"u='?([^'\n]+)'?", machine.wanted.boot)
    assert found is not None
    status, body = world.send({"url": found[1], "headers": {}})
    if status == 200:
        machine.runner = Runner(world, machine, body)
        yield from behave(machine.runner)


class Stepped(DriverAround):
    """A client's side of storage."""

    def __init__(self, world: World, inner: StorageDriver) -> None:
        super().__init__(inner)
        self._world = world

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in ("put", "read", "stat", "list", "delete", "copy"):
            return found
        return _stepped(object.__getattribute__(self, "_world"), name, found)


class Driver:
    """A client's side of the machines."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.capabilities = ComputeCapabilities(
            **{
                "ends": "poweroff",
                "idempotent": world.idempotent,
                "boot_max": 16 * 1024,
                "spot": True,
                **world.capabilities,
            }
        )

    @property
    def native(self) -> World:
        return self._world

    def launch(self, wanted: Launch) -> InstanceInfo:
        return _stepped(self._world, "launch", self._launch)(wanted)  # type: ignore[no-any-return]

    def _launch(self, wanted: Launch) -> InstanceInfo:
        if self._world.refuse and (error := self._world.refuse.pop(0)) is not None:
            raise error
        if self._world.limit is not None and len(self._world.alive()) >= self._world.limit:
            raise QuotaExceeded(f"{self._world.limit} machines are the limit")
        if self._world.idempotent:
            for machine in self._world.machines.values():
                if machine.wanted.token == wanted.token:
                    return machine.info()
        return self._world._start(wanted).info()

    def get(self, id: str) -> InstanceInfo | None:
        return _stepped(self._world, "get", self._get)(id)  # type: ignore[no-any-return]

    def _get(self, id: str) -> InstanceInfo | None:
        machine = self._world.machines.get(id)
        return machine.info() if machine and self._world.known(machine) else None

    def list(self, tags: Mapping[str, str]) -> Iterator[InstanceInfo]:
        return iter(_stepped(self._world, "machines", self._list)(tags))

    def _list(self, tags: Mapping[str, str]) -> Sequence[InstanceInfo]:
        return [
            machine.info()
            for machine in self._world.machines.values()
            if tags.items() <= machine.wanted.tags.items() and self._world.known(machine)
        ]

    def terminate(self, id: str) -> None:
        _stepped(self._world, "terminate", self._terminate)(id)

    def _terminate(self, id: str) -> None:
        machine = self._world.machines[id]
        if machine.state == "terminated":
            return
        if not self._world.ending:
            self._world.end(machine)
        elif machine.ends_at is None:
            machine.state = "terminating"
            machine.ends_at = self._world.time + self._world.ending

    def start(self, id: str) -> None:
        self._world.machines[id].state = "running"

    def stop(self, id: str) -> None:
        self._world.machines[id].state = "stopped"

    def close(self) -> None:
        """Nothing is held."""


def _stepped(world: World, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def around(*args: Any, **kw: Any) -> Any:
        if world.step is not None:
            world.step(name)
        answer = call(*args, **kw)
        if world.answered is not None:
            world.answered(name)
        return answer

    return around


class Runner:
    """What runs on a machine; each call is one request."""

    def __init__(self, world: World, machine: Machine, archive: bytes) -> None:
        self.world = world
        self.machine = machine
        self.archive = zipfile.ZipFile(io.BytesIO(archive))
        self.manifest: dict[str, Any] = json.loads(self.archive.read("manifest.json"))
        self.signed: dict[str, Any] = self.manifest["store"]["signed"]
        self.tasks: list[int] = self.manifest["tasks"]
        self.beats = 0
        self.exit_status = 0

    def write(self, name: str, body: bytes) -> int:
        """PUT one of the objects that it may write; the answer's status."""
        return self.world.send(self.signed[name], body)[0]

    def begin(self) -> bool:
        """Write started.json; False where another runner has begun."""
        return self.write("started", b"{}") == 200

    def beat(self, done: Mapping[int, int] | None = None) -> None:
        """A sign of life."""
        self.beats += 1
        state = {"beat": self.beats, "segments": {}, "done": done or {}, "seconds": 1.0}
        self.write("state", json.dumps(state).encode())

    @property
    def is_cancelled(self) -> bool:
        return self.world.send(self.signed["cancel"])[0] == 200

    def work(self, seconds: float) -> Generator[float, None, None]:
        """Beat for so long, or until it is cancelled."""
        heartbeat = self.manifest["heartbeat"]
        while seconds > 0 and not self.is_cancelled:
            self.beat()
            yield min(heartbeat, seconds)
            seconds -= heartbeat

    def exit(
        self,
        code: int | None = 0,
        *,
        reason: str = "exit",
        outputs: Sequence[Mapping[str, Any]] = (),
        tasks: Sequence[Mapping[str, Any]] | None = None,
        detail: str = "",
    ) -> None:
        """Write exit.json."""
        ended = (
            [{"index": t, "exit_code": code, "reason": reason, "seconds": 1.0} for t in self.tasks]
            if tasks is None
            else list(tasks)
        )
        body = {
            "reason": reason,
            "detail": detail,
            "seconds": 2.0,
            "segments": {"log": 0, "results": 0},
            "log_bytes": 0,
            "log_dropped": 0,
            "tasks": ended,
            "outputs": list(outputs),
        }
        self.exit_status = self.write("exit", json.dumps(body).encode())


def succeeds(runner: Runner) -> Generator[float, None, None]:
    """Works for half a minute, and is done."""
    if runner.begin():
        yield from runner.work(10)
        if runner.is_cancelled:
            runner.exit(-15, reason="cancelled", detail="it was cancelled")
        else:
            runner.exit(0)


def never_boots(runner: Runner) -> Generator[float, None, None]:
    """Is up, and says nothing."""
    yield 1e9


def falls_silent(runner: Runner) -> Generator[float, None, None]:
    """Begins, and is never heard of again; its machine stays."""
    runner.begin()
    runner.beat()
    yield 1e9


def dies(runner: Runner) -> Generator[float, None, None]:
    """Begins, and its machine goes."""
    runner.begin()
    runner.beat()
    yield 15.0


def is_preempted(runner: Runner) -> Generator[float, None, None]:
    """Finishes its first task, where it has several, and is taken away."""
    runner.begin()
    yield 5.0
    done, rest = runner.tasks[:-1][:1], runner.tasks[len(runner.tasks[:-1][:1]) :]
    runner.exit(
        reason="preempted",
        tasks=[
            *({"index": t, "exit_code": 0, "reason": "exit", "seconds": 1.0} for t in done),
            *({"index": t, "exit_code": -15, "reason": "preempted", "seconds": 1} for t in rest),
        ],
    )
