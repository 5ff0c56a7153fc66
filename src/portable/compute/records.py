"""What clients write down of a job, and how it is read again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from portable.compute.needs import Needs
from portable.compute.types import JobResult, TaskResult
from portable.errors import IntegrityError

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A machine that may be started, and its price.

    Attributes:
        machine: As in `Launch`, as is *accelerator*.
        usd_per_hour: `None` where it isn't known.
        as_of: When the price was read, and *source* where; empty where they aren't known.
    """

    machine: str = ""
    accelerator: str = ""
    usd_per_hour: float | None = None
    as_of: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """``job.json``: what was submitted, and what doesn't change while the job runs.

    Attributes:
        created: Seconds since the epoch, by the clock of who submitted it.
        place: Whose machines it runs on.
        nonce: Names the archive of what goes along.
        command: Empty for a function.
        function: Its name, for people; empty for a command.
        env: Names only.
        digests: Of what isn't in the record itself, to tell it from other work of the same name.
        seconds: How long a machine may work: `timeout`, or less where the money ends earlier.
        lifetime: Seconds until it is ended, whatever happens.
        shards: Machines that tasks are dealt to, one after another.
        slots: Tasks that one machine runs at once.
        choices: Machines to start, the first one that there is.
    """

    id: str
    created: float
    place: str
    nonce: str
    owner: str
    command: tuple[str, ...] = ()
    function: str = ""
    calls_items: bool = False
    python: tuple[int, ...] = ()
    needs: Needs
    image: str = ""
    setup: str = ""
    env: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict, hash=False)
    outputs: Mapping[str, str] = field(default_factory=dict, hash=False)
    files: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict, hash=False)
    timeout: float
    retries: int
    max_usd: float | None = None
    count: int
    seconds: float
    lifetime: float
    heartbeat: float
    boot: float
    shards: int = 1
    slots: int = 1
    choices: tuple[Choice, ...] = ()

    def tasks(self, shard: int) -> list[int]:
        """The tasks of one shard."""
        return list(range(shard, self.count, self.shards))

    def encoded(self) -> bytes:
        """As it is stored."""
        return dumped({"version": VERSION, **asdict(self)})

    @classmethod
    def decoded(cls, data: bytes) -> Self:
        """Read it again; what a later version added is left out."""
        said = loaded(data)
        if said.get("version") != VERSION:
            raise IntegrityError(
                f"the job was written by another version of portable ({said.get('version')!r}); "
                f"use that one to look at it"
            )
        known = {each.name for each in fields(cls)}
        values = {name: _tupled(value) for name, value in said.items() if name in known}
        values["needs"] = Needs(**said["needs"])
        values["choices"] = tuple(Choice(**each) for each in said["choices"])
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``plan.json``: one attempt, before its machine is started.

    Attributes:
        name: The machine's.
        token: A UUID; the choice's number is added to it for each machine that is tried.
        tasks: Those that an earlier attempt hasn't ended.
        author: Who wrote it.
        seconds: As in `JobRecord`, as is *lifetime*; less where earlier attempts used up money.
        deadline: When the machine is ended at the latest, in seconds since the epoch.
    """

    name: str
    token: str
    tasks: tuple[int, ...]
    author: str
    seconds: float
    lifetime: float
    deadline: float

    def encoded(self) -> bytes:
        """As it is stored."""
        return dumped(asdict(self))

    @classmethod
    def decoded(cls, data: bytes) -> Self:
        """Read it again."""
        said = loaded(data)
        return cls(**{each.name: _tupled(said[each.name]) for each in fields(cls)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """``launched.json``: the machine that was started."""

    id: str
    choice: Choice

    def encoded(self) -> bytes:
        """As it is stored."""
        return dumped(asdict(self))

    @classmethod
    def decoded(cls, data: bytes) -> Self:
        """Read it again."""
        said = loaded(data)
        return cls(id=said["id"], choice=Choice(**said["choice"]))


def encoded_result(result: JobResult) -> bytes:
    """``result.json``."""
    return dumped(asdict(result))


def decoded_result(data: bytes) -> JobResult:
    """Read it again."""
    said = loaded(data)
    said["tasks"] = tuple(TaskResult(**task) for task in said["tasks"])
    said["outputs"] = tuple(said["outputs"])
    return JobResult(**said)


def dumped(value: object) -> bytes:
    """As JSON."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False).encode()


def loaded(data: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        IntegrityError: it is none.
    """
    try:
        value = json.loads(data)
    except ValueError as error:
        raise IntegrityError(f"what should be JSON isn't: {error}") from error
    if not isinstance(value, dict):
        raise IntegrityError(f"what should be a JSON object is a {type(value).__name__}")
    return value


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
