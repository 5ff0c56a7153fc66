"""Run one cell and judge what came of it."""

from __future__ import annotations

import itertools
import sys
import threading
import time
import traceback
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal

from portable.errors import PortableError
from portable.retry import SLOWEST_BYTES_PER_SECOND
from portable.storage.reads import REREADS
from portable.testing.faults import Fault, Request

from .catalogue import SWAP, TOO_SLOWLY, Cell
from .dialect import Dialect
from .scenes import Operation, Scene
from .stage import ATTEMPTS, DEADLINE, Stage

Verdict = Literal["recovered", "clear error", "silent", "hung", "wrong type", "not hit"]
SLACK_SECONDS = 4.0
SHORT_DEADLINE = 2.0
LIMIT_SECONDS = 60.0
# What gives other bytes, and nothing in the answer tells.
SPOILING = ("flip_down", "wrong_length")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Outcome:
    """What came of one cell.

    Attributes:
        most: How often the request that was sent most often was sent.
        kind: Of that request.
    """

    cell: Cell
    verdict: Verdict
    detail: str
    seconds: float
    requests: int
    most: int
    kind: str
    error: str = ""


class Call:
    """An operation in a thread of its own, so that one that hangs can be left behind."""

    def __init__(self, operation: Operation, scene: Scene) -> None:
        self.value: Any = None
        self.error: Exception | None = None
        self.stack = ""
        self._operation = operation
        self._scene = scene
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self.value = self._operation.run(self._scene)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is judged
            self.error = error

    def finishes(self, within: float) -> bool:
        """Run it; False when it is still running after *within* seconds."""
        self._thread.start()
        self._thread.join(within)
        if not self._thread.is_alive():
            return True
        frame = sys._current_frames().get(self._thread.ident or 0)
        self.stack = "".join(traceback.format_stack(frame)[-8:]) if frame else ""
        return False

    def forget(self) -> None:
        """Let go of what it read and sent: tracebacks hold it in circles, for long."""
        error: BaseException | None = self.error
        while error is not None:
            error.__traceback__ = None
            error = error.__cause__ or error.__context__
        self.value = self.error = None


def run(stage: Stage, operation: Operation, cell: Cell, *, stranger: str = "") -> Outcome:
    """Carry *operation* out with *cell*'s fault in its way.

    Args:
        stranger: The address of another host, for redirects.
    """
    prefix = f"cells/{next(_numbers)}/"
    changed = {**operation.settings, **_limits(cell, operation)}
    with ExitStack() as stack:
        bucket = stack.enter_context(stage.bucket(operation.when(), **changed))
        leaves = int((cell.kind, operation.name) in stage.dialect.leaves)
        scene = Scene(stage, bucket, prefix, faulty=cell.mode == "ever", leaves=leaves)
        operation.prepare(scene)
        stage.proxy.clear()
        rule = stage.proxy.add(_fault(cell, operation, scene, stranger)) if cell.kind else None
        call = Call(operation, scene)
        started = time.monotonic()
        allowed = DEADLINE * operation.steps + operation.size / SLOWEST_BYTES_PER_SECOND
        finished = call.finishes(min(allowed, LIMIT_SECONDS) + SLACK_SECONDS)
        seconds = time.monotonic() - started
        requests = stage.proxy.requests
        kind, most = _most_often(stage.dialect, requests)
        stage.proxy.clear()
        if not finished:
            stack.pop_all()  # closing would wait for it
            stage.renew()
            return Outcome(cell, "hung", call.stack, seconds, len(requests), most, kind)
        if rule is not None and not _was_hit(cell, rule.fired, [r.fault for r in requests]):
            verdict, detail = _judged(operation, scene, call)
            verdict = "not hit" if verdict == "recovered" else verdict
        else:
            verdict, detail = _judged(operation, scene, call)
        if operation.reads == "":
            stage.store.drop(prefix)
        elif cell.row == SWAP:
            stage.forget(operation.reads)
        error = "" if call.error is None else f"{type(call.error).__name__}: {call.error}"
        call.forget()
        return Outcome(cell, verdict, detail, seconds, len(requests), most, kind, error)


def _limits(cell: Cell, operation: Operation) -> dict[str, float]:
    """Shorter ones where a cell would only pass the time."""
    if cell.row == "drip" and cell.at in TOO_SLOWLY:
        return {"deadline": SHORT_DEADLINE}
    if not cell.row.startswith("stall"):
        return {}
    patience = {"read_timeout": 0.9 if operation.is_large else 0.6}
    return patience if cell.mode == "once" else {**patience, "attempts": 2}


def kinds(stage: Stage, operation: Operation) -> list[str]:
    """The requests of an operation that nothing disturbs; it must succeed."""
    if operation.name not in stage.kinds:
        stage.kinds[operation.name] = _kinds(stage, operation)
    return stage.kinds[operation.name]


def _kinds(stage: Stage, operation: Operation) -> list[str]:
    prefix = f"cells/{next(_numbers)}/"
    with stage.bucket(operation.when(), **operation.settings) as bucket:
        scene = Scene(stage, bucket, prefix)
        operation.prepare(scene)
        stage.proxy.clear()
        value = operation.run(scene)
        seen = [stage.dialect.kind_of(request) for request in stage.proxy.requests]
        assert (problem := operation.check(scene, value, None)) is None, problem
        stage.store.drop(prefix)
    return seen


def _fault(cell: Cell, operation: Operation, scene: Scene, stranger: str) -> Fault:
    if cell.row != SWAP:
        return cell.fault(scene.stage.dialect, stranger)
    versions = itertools.cycle((operation.other, scene.content(operation.reads) or b""))

    def replace(_: object) -> None:
        scene.put(next(versions), operation.reads)  # of one size, which gives nothing away

    return Fault(
        "pass",
        match=scene.stage.is_kind(cell.kind),
        after=cell.after,
        times=1 if cell.mode == "once" else None,
        before=replace,
    )


def _most_often(dialect: Dialect, requests: list[Request]) -> tuple[str, int]:
    """The kind of the request that was sent most often, and how often."""
    counts = Counter(_identity(dialect, request) for request in requests)
    (identity, most), *_ = counts.most_common(1) or [(("",), 0)]
    return str(identity[0]), most


def _identity(dialect: Dialect, request: Request) -> tuple[object, ...]:
    """What two requests have in common when one is the other sent again."""
    ranges = (request.header("range"), request.header("x-ms-range"))
    kind = dialect.kind_of(request)
    return (kind, request.method, request.target, *ranges, request.body_length)


def _was_hit(cell: Cell, fired: int, faults: list[Any]) -> bool:
    return fired > 0 and (cell.row == SWAP or any(fault is not None for fault in faults))


def _judged(operation: Operation, scene: Scene, call: Call) -> tuple[Verdict, str]:
    problem = operation.check(scene, call.value, call.error)
    if problem is not None:
        return "silent", f"{problem} ({call.error!r})"
    if call.error is None:
        return "recovered", ""
    return _of_type(call.error, scene.stage.dialect.provider)


def _of_type(error: Exception, provider: str) -> tuple[Verdict, str]:
    if not isinstance(error, PortableError):
        text = "".join(traceback.format_exception(error)[-4:])
        return "wrong type", f"{type(error).__name__} isn't of portable.errors: {text}"
    if error.provider != provider or not error.operation or not error.resource:
        return "wrong type", f"says not where: {error!r} {vars(error)}"
    return "clear error", ""


def too_many(outcome: Outcome, dialect: Dialect) -> bool:
    """Was one request sent more often than its attempts?

    A whole object that isn't what was written is read again, and each time once more for the
    server's own digest, which may have to be asked for: those are attempts of another sort.
    """
    cell = outcome.cell
    request = outcome.kind, cell.operation
    steps = 1 + (request in dialect.asked_twice)
    allowed = ATTEMPTS * steps + (request in dialect.asked_again)
    if cell.row in SPOILING and outcome.kind in ("get", "stat"):
        allowed = max(allowed, 2 * REREADS)
    return outcome.most > allowed
