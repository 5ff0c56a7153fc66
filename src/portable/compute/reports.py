"""What a machine tells of its attempt: read as what a stranger wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

from portable.compute.records import dumped, loaded
from portable.compute.types import Reason, TaskResult
from portable.errors import IntegrityError

REASONS = frozenset(get_args(Reason))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One file that a task made, where it is stored in its attempt.

    Attributes:
        path: In the task's folder.
        offset: Of its first byte in the slot; `None` where it has the slot to itself.
    """

    task: int
    path: str
    slot: str
    size: int
    offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """``exit.json``: how an attempt ended."""

    reason: Reason
    detail: str = ""
    seconds: float = 0.0
    tasks: tuple[TaskResult, ...] = ()
    outputs: tuple[Stored, ...] = ()
    log_dropped: int = 0

    def encoded(self) -> bytes:
        """As a client writes it that gives an attempt up."""
        return dumped(
            {
                "reason": self.reason,
                "detail": self.detail,
                "seconds": self.seconds,
                "segments": {},
                "log_bytes": 0,
                "log_dropped": 0,
                "tasks": [],
                "outputs": [],
            }
        )

    @classmethod
    def decoded(cls, data: bytes) -> Exit:
        """Read what a runner, or a client, wrote.

        Raises:
            IntegrityError: it isn't what the contract says.
        """
        said = loaded(data)
        try:
            return cls(
                reason=_reason(said["reason"]),
                detail=str(said.get("detail", "")),
                seconds=float(said.get("seconds", 0)),
                tasks=tuple(_task(task) for task in said.get("tasks", ())),
                outputs=tuple(each for one in said.get("outputs", ()) for each in _stored(one)),
                log_dropped=int(said.get("log_dropped", 0)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise IntegrityError(f"an exit.json isn't what it should be: {error!r}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """``state.json``: how an attempt stands."""

    seconds: float = 0.0
    done: Mapping[int, int | None]

    @classmethod
    def decoded(cls, data: bytes) -> State:
        """Read what a runner wrote; `Exit.decoded`'s errors."""
        said = loaded(data)
        try:
            done = {int(index): code for index, code in said.get("done", {}).items()}
            return cls(seconds=float(said.get("seconds", 0)), done=done)
        except (AttributeError, TypeError, ValueError) as error:
            raise IntegrityError(f"a state.json isn't what it should be: {error!r}") from error


def _reason(said: Any) -> Reason:
    if said not in REASONS:
        raise ValueError(f"there is no reason {said!r}")
    return cast("Reason", said)


def _task(said: Mapping[str, Any]) -> TaskResult:
    code = said["exit_code"]
    return TaskResult(
        index=int(said["index"]),
        exit_code=None if code is None else int(code),
        reason=_reason(said["reason"]),
        seconds=float(said["seconds"]),
    )


def _stored(said: Mapping[str, Any]) -> list[Stored]:
    slot = str(said["slot"])
    if not (slot.isascii() and slot.isdigit()):
        raise ValueError(f"there is no slot {slot!r}")
    if said.get("tar"):
        return [
            _one(each, slot, offset=int(each["offset"]), within=int(said["size"]))
            for each in said["members"]
        ]
    return [_one(said, slot, offset=None, within=int(said["size"]))]


def _one(said: Mapping[str, Any], slot: str, *, offset: int | None, within: int) -> Stored:
    size = int(said["size"])
    if not 0 <= (offset or 0) <= (offset or 0) + size <= within:
        raise ValueError(f"{said['path']!r} isn't in its slot")
    return Stored(
        task=int(said["task"]), path=str(said["path"]), slot=slot, size=size, offset=offset
    )
