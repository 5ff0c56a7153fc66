"""`Job`: a handle of one job, in any process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from portable.compute.connection import Connection
from portable.compute.types import JobResult, JobStatus, TaskResult
from portable.queue.arguments import Seconds


class Job:
    """One job. All of it is in storage, so that any process may hold it, or none."""

    def __init__(self, connection: Connection, id: str) -> None:
        self._connection = connection
        self._id = id

    def __repr__(self) -> str:
        return f"Job({self._id!r})"

    @property
    def id(self) -> str:
        """Its name, where it was given one."""
        return self._id

    @property
    def name(self) -> str:
        """The same as `id`."""
        return self._id

    @property
    def status(self) -> JobStatus:
        """How it stands now, once the next step, if one is due, was done."""
        raise NotImplementedError

    @property
    def exit_code(self) -> int | None:
        """As in `JobResult`; `None` until it has ended."""
        raise NotImplementedError

    @property
    def cost(self) -> float | None:
        """US dollars, so far or in all; `None` where the price isn't known."""
        raise NotImplementedError

    @property
    def tasks(self) -> tuple[TaskResult, ...]:
        """The tasks that have ended, by their index."""
        raise NotImplementedError

    def result(self, timeout: Seconds | None = None) -> Any:
        """What the function returned; a list of it for an array."""
        raise NotImplementedError

    def wait(self, timeout: Seconds | None = None) -> JobResult:
        """Wait until it has ended."""
        raise NotImplementedError

    def logs(self, follow: bool = False, *, task: int | None = None) -> Iterator[str]:
        """The lines of its log, both of stdout and stderr."""
        raise NotImplementedError

    def cancel(self) -> None:
        """Ask it to end."""
        raise NotImplementedError
