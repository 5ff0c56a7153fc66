"""``portable jobs``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from portable.cli.columns import UNKNOWN, columns
from portable.cli.commands import command
from portable.cli.jobs import telling
from portable.cli.jobs.naming import Where, opened
from portable.cli.session import Session
from portable.errors import JobNotFound

if TYPE_CHECKING:
    from portable.compute import Job

HEAD = ("JOB", "STATUS", "EXIT", "TOOK", "COST", "SUBMITTED", "WORK")
ALIGNED = "<<>>><<"
WORK_MAX = 48
LOOKS_AT_ONCE = 16


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    command(app, "jobs", panel="Compute")(jobs)


def jobs(
    session: Session,
    where: Where = None,
    active: Annotated[
        bool, typer.Option("--active", "-a", help="Only those that haven't ended.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, help="At most so many; 0: all.")
    ] = 20,
) -> None:
    """List jobs, the newest first, whoever submitted them.

    What is due for them is done on the way: outputs are published, lost machines replaced.
    """
    compute = opened(where)
    found = compute.jobs(active=True if active else None, limit=limit or None)
    rows = list(_looked_at(found))
    if session.as_json:
        for row in rows:
            session.record(row)
    elif rows:
        for line in columns([HEAD, *map(_columns, rows)], ALIGNED):
            session.line(line)
    else:
        session.note("no job")


def _looked_at(found: Iterator[Job]) -> Iterator[dict[str, Any]]:
    from portable.threads import ContextThreads

    with ContextThreads(LOOKS_AT_ONCE) as pool:
        rows = pool.map(partial(_row, datetime.now(UTC).timestamp()), found)
        yield from (row for row in rows if row is not None)


def _row(now: float, job: Job) -> dict[str, Any] | None:
    """What is told of a job; `None` where its submit was broken off, or it was deleted."""
    from portable.compute.types import ENDED

    try:
        record, status = job.record, job.status
    except JobNotFound:
        return None
    result = job.wait() if status in ENDED else None
    return {
        "id": job.id,
        "status": status,
        "exit_code": result.exit_code if result else None,
        "seconds": result.seconds if result else max(0.0, now - record.created),
        "cost": result.cost if result else job.cost,
        "submitted": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds"),
        "count": record.count,
        "work": telling.work(record),
    }


def _columns(row: dict[str, Any]) -> tuple[str, ...]:
    work = " ".join(row["work"].split())
    return (
        row["id"],
        row["status"],
        UNKNOWN if row["exit_code"] is None else str(row["exit_code"]),
        telling.span(row["seconds"]),
        UNKNOWN if row["cost"] is None else f"{row['cost']:.4f}",
        row["submitted"].removesuffix("+00:00").replace("T", " "),
        (f"{row['count']} x " if row["count"] > 1 else "")
        + (work if len(work) <= WORK_MAX else f"{work[: WORK_MAX - 1]}…"),
    )
