"""The errors of jobs that didn't succeed, with what helps to find out why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.compute.reading import tail
from portable.errors import JobFailed

if TYPE_CHECKING:
    from portable.compute.looking import Seen
    from portable.compute.records import JobRecord
    from portable.compute.site import Site
    from portable.compute.types import JobResult, TaskResult


def job_failed(site: Site, record: JobRecord, seen: Seen, result: JobResult) -> JobFailed:
    """The error of a job's first task that didn't succeed."""
    blamed = next((each for each in result.tasks if not succeeded(each)), None)
    said = [f"job {record.id!r} {_ended(result)}"]
    if result.detail:
        said.append(result.detail)
    index = blamed.index if blamed else 0
    return _error(site, record, seen, ": ".join(said), index, result.reason)


def call_failed(site: Site, record: JobRecord, seen: Seen, index: int, error: str) -> JobFailed:
    """The error of a call that raised."""
    which = ""
    if record.count > 1 or record.calls_items:
        which = f", called for {'item' if record.calls_items else 'task'} {index},"
    text = f"job {record.id!r}: {record.function}{which} raised {error}"
    return _error(site, record, seen, text, index, "exit")


def succeeded(task: TaskResult) -> bool:
    """Did a task end well?"""
    return task.exit_code == 0 and task.reason == "exit"


def _error(
    site: Site, record: JobRecord, seen: Seen, text: str, index: int, reason: str
) -> JobFailed:
    lines = tail(site, record, seen, index)
    if lines:
        text += "\nThe end of its log:\n" + "\n".join(f"  {line}" for line in lines)
    return JobFailed(text, index=index, reason=reason, log=lines)


def _ended(result: JobResult) -> str:
    if result.reason == "exit":
        code = result.exit_code
        if code is not None and code < 0:
            return f"was ended by signal {-code}"
        return f"ended with exit code {code}"
    return {
        "timeout": "was ended at its timeout",
        "cancelled": "was cancelled",
        "preempted": "lost its spot machine",
        "lost": "lost its machine",
        "no machine": "found no machine",
        "no start": "couldn't be started",
        "inputs": "didn't get its inputs",
        "outputs": "couldn't store its outputs",
        "refused": "can't run there",
    }[result.reason]
