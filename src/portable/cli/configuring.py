"""``portable config show`` and ``portable init``."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from portable.cli import completing
from portable.cli.commands import command
from portable.cli.session import Session
from portable.errors import AlreadyExists, PermissionDenied

if TYPE_CHECKING:
    from portable.config import ShownService


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    config = typer.Typer(
        help="What is in force: the profile, each value, and where it was written.",
        no_args_is_help=True,
    )
    command(config, "show", panel="Commands")(show)
    app.add_typer(config, name="config", rich_help_panel="Set-up")
    command(app, "init", panel="Set-up")(init)


def show(session: Session) -> None:
    """Print the profile in use, its settings, and where each was written.

    Nothing is sent, and no SDK is imported. Secrets are never in it.
    """
    from portable.config import describe

    description = describe()
    chosen = "--profile" if session.options.profile is not None else description.chosen
    if session.as_json:
        session.document(dataclasses.asdict(description) | {"chosen": chosen})
        return
    session.line(f"profile  {description.profile} ({chosen})")
    session.line(f"file     {description.file or 'none found'}")
    for bucket in (description.storage, *description.buckets):
        _show(session, f"bucket {bucket.name}" if bucket.name else "storage", bucket)
    for queue in (description.queue, *description.queues):
        _show(session, f"queue {queue.name}" if queue.name else "queue", queue)
    for place in (description.compute, *description.computes):
        _show(session, f"compute {place.name}" if place.name else "compute", place)


def _show(session: Session, title: str, service: ShownService) -> None:
    session.line("")
    if service.problem:
        session.line(f"{title}: {service.problem}")  # that says which profile can't be used
        return
    session.line(f"{title}  {service.url}  ({service.provider})")
    names = [setting.name for setting in service.settings]
    values = ["" if each.value is None else str(each.value) for each in service.settings]
    width, wide = max(map(len, names)), max(map(len, values))
    for setting, value in zip(service.settings, values, strict=True):
        session.line(f"  {setting.name:{width}}  {value:{wide}}  {setting.origin}")


def init(
    session: Session,
    provider: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The provider to write a profile for.",
            autocompletion=completing.providers,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """Write a commented [bold]portable.toml[/bold] into this folder."""
    from portable.cli.template import text
    from portable.config.files import NAME, working_folder
    from portable.config.profiles import BUILT_IN

    path = working_folder() / NAME
    chosen = provider or session.options.profile or BUILT_IN
    content = text(chosen)
    try:
        _write(path, content, force=force)
    except FileExistsError as error:
        raise AlreadyExists(f"{path} exists; --force replaces it") from error
    except PermissionError as error:
        raise PermissionDenied(f"{path} can't be written: {error}") from error
    if session.as_json:
        session.document({"file": str(path), "profile": chosen})
    session.note(f"wrote {path}: edit it, then `portable doctor` proves that it works")


def _write(path: Path, content: str, *, force: bool) -> None:
    if not force:
        with path.open("x", encoding="utf-8") as file:
            file.write(content)
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(content, encoding="utf-8")
    temporary.replace(path)
