"""Jobs and their ends in words."""

from __future__ import annotations

import dataclasses
import shlex
from typing import TYPE_CHECKING, Any

from portable.cli import failures

if TYPE_CHECKING:
    from portable.compute import Job, JobResult
    from portable.compute.records import JobRecord


def exit_code_of(result: JobResult) -> int:
    """What a command that waited for the job ends with: its exit code, as a shell has it."""
    from portable.cli.programs import exit_code

    if result.status == "succeeded":
        return 0
    return exit_code(result.exit_code) if result.exit_code else failures.FAILED


def sentence(job: Job, result: JobResult) -> str:
    """How it ended, on one line."""
    code = "" if result.exit_code is None else f", exit code {result.exit_code}"
    why = "" if result.reason in ("exit", result.status) else f" ({result.reason})"
    tries = f", {result.attempts} attempts" if result.attempts > 1 else ""
    cost = "" if not result.cost else f", ${result.cost:.4f}"
    detail = f": {result.detail}" if result.detail else ""
    return f"{job.id} {result.status}{why}{code}, {span(result.seconds)}{tries}{cost}{detail}"


def span(seconds: float) -> str:
    """A length of time that is easy to read: ``4.2s``, ``3m05s``, ``2h07m``, ``3d04h``."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours}h{minutes:02}m"
    return f"{hours // 24}d{hours % 24:02}h"


def work(record: JobRecord) -> str:
    """What a job does."""
    if record.function:
        return f"{record.function}()"
    if record.command[:2] == ("sh", "-c") and len(record.command) == 3:
        return record.command[2]
    return shlex.join(record.command)


def document(result: JobResult) -> dict[str, Any]:
    """A job's end for programs."""
    return dataclasses.asdict(result)
