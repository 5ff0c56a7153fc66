"""``portable emulate``."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from logging import INFO
from typing import TYPE_CHECKING, Annotated

import typer

from portable.cli import completing
from portable.cli.commands import command
from portable.cli.notes import noted
from portable.cli.programs import PerhapsBeforeProgram, exit_code, found
from portable.cli.session import Session
from portable.errors import InvalidArgument, PortableError

if TYPE_CHECKING:
    from portable.testing.emulators import Emulation


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    command(app, "emulate", panel="Set-up", cls=PerhapsBeforeProgram)(emulate)


def emulate(
    session: Session,
    providers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PROVIDER",
            help="Such as aws, gcp, azure.",
            autocompletion=completing.emulated,
        ),
    ] = None,
) -> None:
    """Start stand-ins of providers on this machine, until Ctrl-C.

    It prints how to use them: each provider is a profile then, and the first is the default. With
    a program after [bold]--[/bold], that is run with them, and they are stopped when it ends:
    [bold]portable emulate aws -- pytest[/bold].
    """
    from portable.testing.emulators import started
    from portable.testing.servers import ServerUnavailable

    program = found(session.options.program)
    with ExitStack() as stack:
        stack.enter_context(noted(session, "portable.testing", INFO))
        try:
            emulation = stack.enter_context(started(*_ordered(session, providers or [])))
        except ServerUnavailable as error:
            raise PortableError(str(error)) from error
        if program is None:
            with suppress(KeyboardInterrupt, SystemExit):  # which SIGTERM is to `app`
                _show(session, emulation)
                while True:
                    time.sleep(1)  # a signal that comes just before a wait without end is missed
            session.note("stopping")
        else:
            raise typer.Exit(_run(program, emulation))


def _ordered(session: Session, providers: list[str]) -> list[str]:
    """*providers*, each once; the one that ``--profile`` names is the default, so the first."""
    chosen = session.options.profile
    if chosen is not None and chosen not in providers:
        raise InvalidArgument(f"--profile: {chosen!r} isn't among the providers to emulate")
    return list(dict.fromkeys([*([chosen] if chosen else []), *providers]))


def _show(session: Session, emulation: Emulation) -> None:
    if session.as_json:
        providers = {
            name: {"servers": dict(each.servers), "profile": dict(each.profile)}
            for name, each in emulation.providers.items()
        }
        told = dataclasses.asdict(dataclasses.replace(emulation, providers={}))
        session.document(
            told
            | {"file": str(emulation.file), "shell": str(emulation.shell)}
            | {"providers": providers}
        )
    else:
        session.line(f"# Ready. In another shell:\n\n. {emulation.shell}\n")
        session.line(f"# which makes this the configuration, {emulation.file}:\n")
        session.line(emulation.file.read_text().rstrip())
        session.note("Ctrl-C stops it")
    sys.stdout.flush()


def _run(program: tuple[str, ...], emulation: Emulation) -> int:
    """Run *program* to its end, and return its exit code as a shell has it."""
    environment = emulation.environment_of(os.environ)
    process = subprocess.Popen(program, env=environment)  # noqa: S603 - what the user asked for

    def hand_on(number: int, _frame: object) -> None:
        # Ctrl-C at a terminal reaches the program as well; what asks us to end doesn't.
        if number != signal.SIGINT:
            process.send_signal(number)

    before = {each: signal.signal(each, hand_on) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return exit_code(code)
