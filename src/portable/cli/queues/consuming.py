"""``portable queue consume -- PROGRAM``: a program for each message."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from logging import WARNING
from typing import TYPE_CHECKING, Annotated

import typer

from portable.cli.commands import command
from portable.cli.notes import noted
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


END_SECONDS = 5.0  # for a program to end once it is told to


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
    drain: Annotated[
        str, typer.Option(metavar="TIME", help="How long running programs may go on after Ctrl-C.")
    ] = "30s",
) -> None:
    """Run the program after [bold]--[/bold] for each message, its body on stdin.

    Exit code 0 removes the message; any other hands it back, later and later, and in the end to
    the dead letters. The program has PORTABLE_MESSAGE_ID and PORTABLE_MESSAGE_ATTEMPTS. After
    Ctrl-C or SIGTERM running programs have the time of --drain to finish; those that don't are
    ended, and their messages handed back.
    """
    program = found(session.options.program)
    if program is None:
        raise InvalidArgument("name the program that handles a message: … consume -- PROGRAM")
    runner = _Runner(program)
    try:
        with noted(session, "portable.queue", WARNING):
            report = opened(queue).consume(
                runner,
                concurrency=concurrency,
                max_messages=max_messages,
                idle_timeout=None if idle is None else duration(idle),
                drain=duration(drain),
            )
    finally:
        runner.end()
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
        self._running: set[subprocess.Popen[bytes]] = set()

    def __call__(self, message: Message) -> None:
        body = message.body
        told = {
            "PORTABLE_MESSAGE_ID": message.id,
            "PORTABLE_MESSAGE_ATTEMPTS": str(message.attempts),
        }
        program = subprocess.Popen(  # noqa: S603 - what the user asked for
            self._program,
            stdin=subprocess.PIPE,
            env=os.environ | told,
            start_new_session=True,  # Ctrl-C is for us: the program finishes
        )
        self._running.add(program)
        try:
            program.communicate(
                body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
            )
        finally:
            self._running.discard(program)
        if program.returncode:
            raise ProgramFailed(f"{self._program[0]} ended with {exit_code(program.returncode)}")

    def end(self) -> None:
        """End what still runs: its message was handed back, and another consumer begins anew."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            until = time.monotonic() + END_SECONDS
            for each in self._left():
                with suppress(ProcessLookupError):
                    os.killpg(each.pid, number)
            while self._left() and time.monotonic() < until:
                time.sleep(0.02)

    def _left(self) -> list[subprocess.Popen[bytes]]:
        return [each for each in list(self._running) if each.poll() is None]
