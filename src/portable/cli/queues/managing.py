"""``portable queue stats``, ``purge`` and ``redrive``."""

from __future__ import annotations

import dataclasses
import sys
from typing import Annotated

import typer

from portable.cli import failures
from portable.cli.commands import command
from portable.cli.queues.naming import Which, opened
from portable.cli.session import Session
from portable.errors import InvalidArgument, Unsupported


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    command(app, "stats", panel="Commands")(stats)
    command(app, "redrive", panel="Commands")(redrive)
    command(app, "purge", panel="Commands")(purge)


def stats(session: Session, queue: Which = None) -> None:
    """Print how many messages there are; what the provider doesn't tell is unknown."""
    main = opened(queue)
    both = [each for each in (main, main.dead_letters) if each is not None]
    counted = {each.name: dataclasses.asdict(each.stats()) for each in both if each.exists()}
    if session.as_json:
        session.document({"queues": counted})
        return
    wide = max([len(name) for name in counted], default=0)
    for name, figures in counted.items():
        told = (f"{key} {_figure(value)}" for key, value in figures.items())
        session.line(f"{name:{wide}}  {'  '.join(told)}")
    if main.name not in counted:
        session.note(f"there is no queue {main.url}: the first message makes it")


def redrive(
    session: Session,
    queue: Which = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
) -> None:
    """Bring dead letters back, to be handled again."""
    main = opened(queue)
    moved = main.redrive(limit)
    if session.as_json:
        session.document({"redriven": moved})
    else:
        session.note(f"brought {_counted(moved)} back to {main.url}")


def purge(
    session: Session,
    queue: Which = None,
    dead: Annotated[bool, typer.Option("--dead", help="Remove the dead letters instead.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Remove every message of a queue, leased and delayed ones too. It asks first."""
    chosen = opened(queue)
    if dead:
        letters = chosen.dead_letters
        if letters is None:
            raise Unsupported("this queue has the dead letters itself: leave --dead out")
        chosen = letters
    if not yes:
        if session.as_json:
            raise InvalidArgument("with --json nobody is asked: add --yes")
        _confirm(chosen.url)
    chosen.purge()
    if session.as_json:
        session.document({"purged": chosen.url})
    else:
        session.note(f"removed all messages of {chosen.url}")


def _confirm(where: str) -> None:
    sys.stderr.write(f"remove every message of {where}? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        failures.tell("nothing was removed", hint="--yes answers where nobody can")
        raise typer.Exit(failures.FAILED)


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.0f}"


def _counted(number: int) -> str:
    return "1 message" if number == 1 else f"{number:,} messages"
