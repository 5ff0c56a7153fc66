"""``portable logs`` and ``portable wait``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from portable.cli.commands import command
from portable.cli.jobs import telling
from portable.cli.jobs.naming import JobId, Where, opened
from portable.cli.session import Session
from portable.cli.values import duration

if TYPE_CHECKING:
    from portable.compute import Job


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    command(app, "logs", panel="Compute")(logs)
    command(app, "wait", panel="Compute")(wait)


def logs(
    session: Session,
    job: JobId,
    where: Where = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the job has ended.")
    ] = False,
    task: Annotated[
        int | None, typer.Option(min=0, help="Only this task's lines, of an array.")
    ] = None,
) -> None:
    """Print what a job wrote to its stdout and stderr."""
    show_log(session, opened(where).job(job), follow=follow, task=task)


def wait(
    session: Session,
    job: JobId,
    where: Where = None,
    timeout: Annotated[
        str | None, typer.Option(metavar="TIME", help="Give up after so long: 90s, 2h.")
    ] = None,
) -> None:
    """Wait until a job has ended, and end with its exit code."""
    waited = opened(where).job(job)
    end(session, waited, timeout=timeout)


def show_log(session: Session, job: Job, *, follow: bool, task: int | None = None) -> None:
    """Print the log's lines as they come."""
    for line in job.logs(follow=follow, task=task):
        if session.as_json:
            session.record({"log": line})
        else:
            session.line(line)
        if follow:
            sys.stdout.flush()


def end(session: Session, job: Job, *, timeout: str | None = None) -> None:
    """Wait for the job's end, tell of it, and end as it did."""
    result = job.wait(None if timeout is None else duration(timeout))
    if session.as_json:
        session.record({"id": job.id, **telling.document(result)})
    else:
        session.note(telling.sentence(job, result))
    if code := telling.exit_code_of(result):
        raise typer.Exit(code)
