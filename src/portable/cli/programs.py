"""Commands that run another program: the one after ``--``."""

from __future__ import annotations

import shutil

import typer
from typer.core import TyperCommand

from portable.cli.commands import options_of
from portable.errors import InvalidArgument

SIGNALLED = 128  # a shell's exit code of a program that a signal ended, less the signal's number


class BeforeProgram(TyperCommand):
    """A command line that ends at ``--``, where that of another program begins."""

    program = "-- COMMAND…"

    def collect_usage_pieces(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return [*super().collect_usage_pieces(ctx), self.program]

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        if "--" in args:
            end = args.index("--")
            options_of(ctx).program = tuple(args[end + 1 :])
            return super().parse_args(ctx, args[:end])
        words = [word for word in args if not word.startswith("-")]
        try:
            return super().parse_args(ctx, args)
        except typer.TyperException as error:
            if not words:
                raise
            raise InvalidArgument(
                f"{error.format_message().rstrip('.')}; another program's line comes after --: "
                f"{ctx.command_path} … -- COMMAND"
            ) from error


class PerhapsBeforeProgram(BeforeProgram):
    """The same, and the other program may be left out."""

    program = "[-- COMMAND…]"


def found(program: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """*program*, when it can be run.

    Raises:
        InvalidArgument: it can't be.
    """
    if program is None:
        return None
    if not program:
        raise InvalidArgument("no program is named after '--'")
    if shutil.which(program[0]) is None:
        raise InvalidArgument(f"there is no program {program[0]!r}")
    return program


def exit_code(returned: int) -> int:
    """The exit code of a program as a shell has it."""
    return returned if returned >= 0 else SIGNALLED - returned
