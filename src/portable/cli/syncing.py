"""``portable sync`` and ``portable cp -r``: whole folders."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from portable.cli import failures
from portable.cli.addresses import is_local, parse
from portable.cli.commands import command
from portable.cli.listing import human
from portable.cli.progress import bar
from portable.cli.session import Session
from portable.errors import InvalidArgument, PortableError

if TYPE_CHECKING:
    from portable.transfers.engine import Plan
    from portable.transfers.places import Place
    from portable.transfers.report import TransferProgress, TransferReport

Include = Annotated[
    list[str] | None, typer.Option(metavar="GLOB", help="Only these names; * matches / too.")
]
Exclude = Annotated[list[str] | None, typer.Option(metavar="GLOB", help="Not these names.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only print what would be done.")]


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    command(app, "sync")(sync)


def sync(
    session: Session,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A folder, or a URL.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A folder, or a URL.")],
    delete: Annotated[
        bool, typer.Option("--delete", help="Remove what only the target has.")
    ] = False,
    dry_run: DryRun = False,
    include: Include = None,
    exclude: Exclude = None,
    size_only: Annotated[
        bool, typer.Option("--size-only", help="Take what has the same size for the same.")
    ] = False,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="The source may have nothing in it.")
    ] = False,
    sort: Annotated[
        bool, typer.Option("--sort", help="For servers that list folder by folder.")
    ] = False,
    durable: Annotated[
        bool, typer.Option("--durable", help="Flush each file that arrives to disk.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Objects at once.")] = 16,
    on: Annotated[
        str | None, typer.Option(metavar="ray", help="Spread it over a Ray cluster.")
    ] = None,
) -> None:
    """Make a folder hold what another one holds, sending only what differs.

    Between a folder here and a bucket, or two buckets of any providers: a URL, or
    [bold]portable://@PROFILE:/FOLDER[/bold]. Run it again after an
    interruption: it goes on where it was. Exit code 1 when anything could not be sent.
    """
    from portable.transfers.engine import Plan

    if on not in (None, "ray"):
        raise InvalidArgument(f"--on knows 'ray', not {on!r}")
    plan = Plan(
        source=folder_of(session, source),
        target=folder_of(session, target),
        delete=delete,
        dry_run=dry_run,
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        compare="size" if size_only else "content",
        allow_empty=allow_empty,
        sort=sort,
        durable=durable,
        workers=workers,
    )
    carry_out(session, plan, on_ray=on == "ray")


def folder_of(session: Session, text: str) -> Place:
    """The folder that *text* names, here or in a bucket."""
    from portable.transfers.places import Folder, shelf

    if is_local(text):
        return Folder(os.path.realpath(text))
    address = parse(text, folder=True)
    if address.key.endswith("*"):
        raise InvalidArgument(f"{text!r} is no folder; choose names in one with --include")
    return shelf(session.bucket(address)._connection, address.key)


def carry_out(session: Session, plan: Plan, *, on_ray: bool = False) -> None:
    """Carry out *plan*, show how far it is, and tell what was done."""
    from portable.transfers.engine import transfer

    try:
        with shown(session, plan) as progress:
            if on_ray:
                from portable.transfers.on_ray import transfer_on_ray

                report = transfer_on_ray(plan, progress)
            else:
                report = transfer(plan, progress)
    except KeyboardInterrupt:
        session.note("what was sent stays; the same command again sends the rest")
        raise
    if session.as_json:
        session.document(as_document(report))
    else:
        _tell(session, report)
    if not report.ok:
        raise typer.Exit(failures.FAILED)


def as_document(report: TransferReport) -> dict[str, Any]:
    """*report* for programs."""
    return {
        "dry_run": report.dry_run,
        "sent": report.sent,
        "skipped": report.skipped,
        "deleted": report.deleted,
        "failed": report.failed,
        "bytes": report.bytes,
        "seconds": round(report.seconds, 3),
        "failures": [
            {"name": each.name} | failures.as_document(each.error) for each in report.failures
        ],
        "changes": [
            {"action": each.action, "name": each.name, "size": each.size} for each in report.changes
        ],
    }


def _tell(session: Session, report: TransferReport) -> None:
    if report.dry_run:
        for change in report.changes:
            session.line(f"{change.action}\t{change.name}")
        more = report.sent + report.deleted - len(report.changes)
        if more > 0:
            session.line(f"and {more:,} more")
    for failure in report.failures:
        failures.tell(f"{failure.name}: {failure.error}")
    if (unnamed := report.failed - len(report.failures)) > 0:
        failures.tell(f"and {unnamed:,} more")
    session.note(summary(report))


def summary(report: TransferReport) -> str:
    """One line."""
    verb = "would send" if report.dry_run else "sent"
    rate = report.bytes / report.seconds if report.seconds else 0
    return (
        f"{verb} {report.sent:,} ({human(report.bytes)}), skipped {report.skipped:,}, "
        f"deleted {report.deleted:,}, failed {report.failed:,}, "
        f"in {report.seconds:.1f} s" + (f" ({human(int(rate))}/s)" if report.bytes else "")
    )


@contextmanager
def shown(session: Session, plan: Plan) -> Iterator[TransferProgress | None]:
    """Give what a transfer calls with its report so far, or `None` where nothing is shown."""
    if not session.shows_progress:
        yield None
        return
    with bar("{task.fields[objects]}") as line:
        task = line.add_task("", total=None, objects="")

        def moved(report: TransferReport) -> None:
            handled = report.sent + report.skipped + report.failed
            done = report.bytes + report.skipped_bytes
            line.update(task, completed=done, objects=f"{handled:,} objects")

        with _counted(plan, lambda total: line.update(task, total=total)):
            yield moved


@contextmanager
def _counted(plan: Plan, tell: Any) -> Iterator[None]:
    """Add up the source's bytes meanwhile, so that there is a time left to show."""
    over = threading.Event()

    def count() -> None:
        total = 0
        try:
            for item in plan.listed(plan.source):
                total += item.size
                if over.is_set():
                    return
        except (OSError, PortableError):
            return  # the transfer tells of it
        tell(total)

    thread = threading.Thread(target=count, name="portable-count", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
