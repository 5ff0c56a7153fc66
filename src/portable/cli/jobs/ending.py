"""``portable cancel`` and ``portable reap``."""

from __future__ import annotations

from typing import Annotated

import typer

from portable.cli import failures
from portable.cli.commands import command
from portable.cli.jobs.naming import Where, opened
from portable.cli.session import Session
from portable.errors import PortableError


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    command(app, "cancel", panel="Compute")(cancel)
    command(app, "reap", panel="Compute")(reap)


def cancel(
    session: Session,
    jobs: Annotated[list[str], typer.Argument(metavar="JOB", help="Jobs, by id or name.")],
    where: Where = None,
) -> None:
    """Ask jobs to end. [bold]portable wait[/bold] tells when one has."""
    compute = opened(where)
    for job in [compute.job(id) for id in jobs]:  # none is cancelled where one isn't there
        job.cancel()
        session.note(f"asked {job.id} to end")
    if session.as_json:
        session.document({"cancelled": jobs})


def reap(
    session: Session,
    where: Where = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="End them; else only print what would end.")
    ] = False,
) -> None:
    """Find machines that nobody needs: past their deadline, or of jobs that have ended.

    With --yes they are ended, and jobs that were left alone go on. Put that into a timer where a
    vanished client must cost nothing.
    """
    try:
        found = opened(where).reap(dry_run=not yes)
    except* PortableError as group:
        for error in group.exceptions:
            failures.tell(str(error))
        raise typer.Exit(failures.FAILED) from None
    for instance in found:
        info = instance.info
        if session.as_json:
            session.record({"id": info.id, "name": info.name, "state": info.state, "ended": yes})
        else:
            session.line(f"{info.id}  {info.state}  {info.machine or info.name}")
    if not found:
        session.note("no machine is left over")
    elif not yes:
        session.note(f"{len(found)} would be ended: add --yes")
