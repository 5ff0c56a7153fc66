"""``portable queue consume -- PROGRAM``: a program for each message."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from typing import TYPE_CHECKING, Annotated

import typer

from portable.cli.commands import command
from portable.cli.programs import BeforeProgram, exit_code, found
from portable.cli.queues.naming import Which, opened
from portable.cli.session import Session
from portable.cli.values import duration
from portable.errors import InvalidArgument

if TYPE_CHECKING:
    from portable.queue import Message


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    command(app, "consume", panel="Commands", cls=BeforeProgram)(consume)


class ProgramFailed(Exception):
    """The program that handled a message didn't end with 0."""


def consume(
    session: Session,
    queue: Which = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Programs that run at once.")] = 1,
    max_messages: Annotated[
        int | None, typer.Option("--max", "-n", min=1, help="Stop after so many.")
    ] = None,
    idle: Annotated[
        str | None, typer.Option(metavar="TIME", help="Stop when there was none for so long.")
    ] = None,
) -> None:
    """Run the program after [bold]--[/bold] for each message, its body on stdin.

    Exit code 0 removes the message; any other hands it back, later and later, and in the end to
    the dead letters. The program has PORTABLE_MESSAGE_ID and PORTABLE_MESSAGE_ATTEMPTS. Ctrl-C
    lets running programs finish.
    """
    program = found(session.options.program)
    if program is None:
        raise InvalidArgument("name the program that handles a message: … consume -- PROGRAM")
    report = opened(queue).consume(
        _Runner(program),
        concurrency=concurrency,
        max_messages=max_messages,
        idle_timeout=None if idle is None else duration(idle),
    )
    if session.as_json:
        session.document(dataclasses.asdict(report))
    else:
        session.note(
            f"handled {report.handled:,}, handed back {report.retried + report.returned:,}, "
            f"dead {report.dead:,}; stopped by {report.stopped_by}"
        )


class _Runner:
    """Runs the program for one message."""

    def __init__(self, program: tuple[str, ...]) -> None:
        self._program = program

    def __call__(self, message: Message) -> None:
        body = message.body
        done = subprocess.run(  # noqa: S603 - what the user asked for
            self._program,
            input=body
            if isinstance(body, bytes)
            else json.dumps(body, ensure_ascii=False).encode(),
            env=os.environ
            | {
                "PORTABLE_MESSAGE_ID": message.id,
                "PORTABLE_MESSAGE_ATTEMPTS": str(message.attempts),
            },
            check=False,
            start_new_session=True,  # Ctrl-C is for us: the program finishes
        )
        if done.returncode:
            raise ProgramFailed(f"{self._program[0]} ended with {exit_code(done.returncode)}")
