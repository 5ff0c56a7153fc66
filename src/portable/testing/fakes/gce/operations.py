"""Zone operations: they take a while, and may fail."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from portable.testing.fakes.gce.wording import link, moment
from portable.testing.fakes.timeline import Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFailure:
    """How operations fail.

    Attributes:
        code: Such as ``"QUOTA_EXCEEDED"``.
        status: What a request would have been answered.
        times: How many operations do.
        zone: Only operations there; any unless given.
    """

    code: str
    words: str = "a failure on demand"
    status: int = 403
    times: int = 1
    zone: str = ""


@dataclass(slots=True)
class Operation:
    """One operation.

    Attributes:
        failure: What it will have failed with.
        finish: Called when its time is over, with whether it succeeded.
    """

    name: str
    zone: str
    kind: str
    target: str
    target_id: str
    begun: float
    failure: PlannedFailure | None
    finish: Callable[[bool], object]
    done: bool = False
    is_new: bool = True
    ended: threading.Event = field(default_factory=threading.Event)

    def resource(self, project: str) -> dict[str, Any]:
        """As the API tells of it; the first that is told is that it isn't done."""
        done, self.is_new = self.done and not self.is_new, False
        told: dict[str, Any] = {
            "kind": "compute#operation",
            "id": str(int(self.name[-16:], 16)),
            "name": self.name,
            "zone": link(f"projects/{project}/zones/{self.zone}"),
            "operationType": self.kind,
            "targetLink": link(f"projects/{project}/zones/{self.zone}/instances/{self.target}"),
            "targetId": self.target_id,
            "status": "DONE" if done else "RUNNING",
            "progress": 100 if done else 0,
            "insertTime": moment(self.begun),
            "startTime": moment(self.begun),
        }
        if done and self.failure is not None:
            about = {"code": self.failure.code, "message": self.failure.words}
            told["error"] = {"errors": [about]}
            told["httpErrorStatusCode"] = self.failure.status
            told["httpErrorMessage"] = "FORBIDDEN"
        return told


class Operations:
    """All operations so far.

    Attributes:
        seconds: What a new one takes; `math.inf` is never done.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.seconds = 0.03
        self._timeline = timeline
        self._lock = threading.Lock()
        self._by_name: dict[str, Operation] = {}
        self._by_request: dict[str, Operation] = {}
        self._failures: list[list[Any]] = []  # each with how often it is still to happen

    def plan(self, failure: PlannedFailure) -> None:
        """Let the next operations that make or start a machine fail."""
        with self._lock:
            self._failures.append([failure, failure.times])

    def clear(self) -> None:
        """Let no operation fail any more."""
        with self._lock:
            self._failures.clear()

    def begin(
        self,
        zone: str,
        kind: str,
        target: str,
        target_id: str,
        finish: Callable[[bool], object] = lambda _: None,
        *,
        request: str = "",
        seconds: float | None = None,
    ) -> Operation:
        """Begin one.

        Args:
            finish: Called when its time is over, with whether it succeeds.
            request: The id under which it is found again.
            seconds: Until it is done; as others take unless given.
        """
        with self._lock:
            operation = Operation(
                name=f"operation-{random.getrandbits(64):016x}",
                zone=zone,
                kind=kind,
                target=target,
                target_id=target_id,
                begun=self._timeline.now(),
                failure=self._due(zone) if kind in ("insert", "start") else None,
                finish=finish,
            )
            self._by_name[operation.name] = operation
            if request:
                self._by_request[request] = operation
        wait = self.seconds if seconds is None else seconds
        self._timeline.after(wait, lambda: self.end(operation))
        return operation

    def named(self, name: str) -> Operation | None:
        """One by its name."""
        return self._by_name.get(name)

    def requested(self, request: str) -> Operation | None:
        """The one that a request under this id has begun before."""
        return self._by_request.get(request) if request else None

    def of(self, zone: str) -> list[Operation]:
        """All of a zone."""
        with self._lock:
            return [each for each in self._by_name.values() if each.zone == zone]

    def end(self, operation: Operation) -> None:
        """Let one be done."""
        operation.finish(operation.failure is None)
        operation.done = True
        operation.ended.set()

    def _due(self, zone: str) -> PlannedFailure | None:
        for entry in self._failures:
            failure: PlannedFailure = entry[0]
            if failure.zone in ("", zone):
                entry[1] -= 1
                if entry[1] <= 0:
                    self._failures.remove(entry)
                return failure
        return None
