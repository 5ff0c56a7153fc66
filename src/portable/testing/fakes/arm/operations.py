"""Long-running operations: ``Azure-AsyncOperation``, asked about until they are done.

https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
"""

from __future__ import annotations

import math
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Failure = tuple[str, str]  # a code and words


@dataclass(slots=True)
class Operation:
    """One operation.

    Attributes:
        failure: What it ends with; `None` for success.
        finish: Called with that when its time is over.
    """

    failure: Failure | None
    finish: Callable[[Failure | None], object]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    is_done: bool = False

    def resource(self) -> dict[str, Any]:
        """As the API tells of it."""
        told: dict[str, Any] = {"name": self.id, "status": "InProgress"}
        if self.is_done and self.failure is not None:
            code, words = self.failure
            told |= {"status": "Failed", "error": {"code": code, "message": words}}
        elif self.is_done:
            told["status"] = "Succeeded"
        return told


class Operations:
    """All operations so far.

    Attributes:
        seconds: What a new one takes; `math.inf` is never done, unless by `end`.
    """

    def __init__(self) -> None:
        self.seconds = 0.03
        self.all: list[Operation] = []
        self._failures: list[Failure] = []
        self._lock = threading.Lock()

    def plan(self, code: str, words: str, times: int = 1) -> None:
        """Let the next operations that need room fail."""
        with self._lock:
            self._failures += [(code, words)] * times

    def clear(self) -> None:
        """Let no operation fail any more."""
        with self._lock:
            self._failures.clear()

    def begin(
        self, finish: Callable[[Failure | None], object], *, fails: bool = False
    ) -> Operation:
        """Begin one.

        Args:
            finish: Called with its failure, if any, when its time is over.
            fails: Does it fail where that is planned?
        """
        with self._lock:
            failure = self._failures.pop(0) if fails and self._failures else None
            begun = Operation(failure, finish)
            self.all.append(begun)
        if math.isfinite(self.seconds):
            timer = threading.Timer(self.seconds, self.end, args=(begun,))
            timer.daemon = True
            timer.start()
        return begun

    def named(self, id: str) -> Operation | None:
        """One by its id."""
        return next((each for each in self.all if each.id == id), None)

    def end(self, operation: Operation) -> None:
        """Let one be done."""
        operation.finish(operation.failure)
        operation.is_done = True
