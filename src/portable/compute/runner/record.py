"""What is told of tasks: while they run, and in exit.json."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Record:
    """How the tasks have ended so far. Written by the main thread, read by others."""

    def __init__(self, tasks: list[int]) -> None:
        self._tasks = tasks
        self._ended: dict[int, dict[str, Any]] = {}
        self.done: dict[int, int | None] = {}
        self.outputs: list[dict[str, Any]] = []
        self.details: list[str] = []

    def ended(self, index: int, exit_code: int | None, reason: str, seconds: float) -> None:
        """A task has ended."""
        self._ended[index] = {
            "index": index,
            "exit_code": exit_code,
            "reason": reason,
            "seconds": round(seconds, 3),
        }
        self.done[index] = exit_code

    def spoil(self, index: int, reason: str, detail: str) -> None:
        """A task has ended well, but what it made isn't stored."""
        self._ended[index]["reason"] = reason
        self.details.append(detail)

    def tasks(self, reason: str | None) -> list[dict[str, Any]]:
        """All of them, in order; those that never began ended for *reason*."""
        missing = {"exit_code": None, "reason": reason or "exit", "seconds": 0.0}
        return [self._ended.get(index, {"index": index, **missing}) for index in self._tasks]
