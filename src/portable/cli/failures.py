"""Errors as exit codes and as one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import typer

from portable.errors import (
    AlreadyExists,
    BucketNotFound,
    ConfigError,
    DeadlineExceeded,
    InvalidArgument,
    NoCapacity,
    NotFound,
    ObjectChanged,
    PermissionDenied,
    PortableError,
    PreconditionFailed,
    Throttled,
    Unauthenticated,
    Unavailable,
)

FAILED, USAGE, NOT_FOUND, NOT_ALLOWED, CONFLICT, UNAVAILABLE = 1, 2, 3, 4, 5, 6

# An error has the code of the nearest class above it; the rest is FAILED.
EXIT_CODES: Mapping[type[PortableError], int] = {
    InvalidArgument: USAGE,
    ConfigError: USAGE,
    NotFound: NOT_FOUND,
    PermissionDenied: NOT_ALLOWED,
    Unauthenticated: NOT_ALLOWED,
    AlreadyExists: CONFLICT,
    PreconditionFailed: CONFLICT,
    ObjectChanged: CONFLICT,
    Unavailable: UNAVAILABLE,
    NoCapacity: UNAVAILABLE,
    DeadlineExceeded: UNAVAILABLE,
    Throttled: UNAVAILABLE,
}
HINTS: Mapping[type[PortableError], str] = {
    BucketNotFound: "`portable config show` tells which bucket is used and why",
    ConfigError: "`portable config show` tells what is in force; `portable init` writes a file",
    PermissionDenied: "`portable doctor` tells what these credentials may do",
    Unauthenticated: "`portable doctor` tells what is wrong with the credentials",
    Unavailable: "`portable doctor` tells whether the provider can be reached",
}


def exit_code(error: BaseException) -> int:
    """The exit code that *error* ends a command with."""
    if isinstance(error, typer.TyperException):
        return error.exit_code
    return next((EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES), FAILED)


def as_document(error: BaseException) -> dict[str, Any]:
    """*error* for programs."""
    known = error if isinstance(error, PortableError) else PortableError("")
    return {
        "type": type(error).__name__,
        "message": _message(error),
        "provider": known.provider,
        "operation": known.operation,
        "resource": known.resource,
        "retryable": known.retryable,
    }


def report(error: Exception, *, as_json: bool, verbose: bool) -> int:
    """Tell of *error* on stderr and return the exit code."""
    if verbose and not isinstance(error, typer.TyperException):
        import traceback

        traceback.print_exception(error)
    if as_json:
        sys.stderr.write(json.dumps({"error": as_document(error)}, ensure_ascii=False) + "\n")
    elif line := _line(error):  # none, where `portable queue` alone has printed its help
        tell(line, hint=_hint(error))
    return exit_code(error)


def report_interrupt(*, as_json: bool) -> None:
    """Tell of Ctrl-C."""
    report(KeyboardInterrupted("interrupted"), as_json=as_json, verbose=False)


class KeyboardInterrupted(typer.TyperException):
    """Ctrl-C, as an error to be told of."""

    exit_code = 130


def tell(line: str, *, hint: str = "") -> None:
    """Write ``error: …`` to stderr, red where it is a terminal, with nothing that moves its cursor."""
    from portable.cli.session import without_controls

    line, hint = ("\n".join(map(without_controls, text.split("\n"))) for text in (line, hint))
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.text import Text

        console = Console(stderr=True, highlight=False)
        console.print(Text.assemble(("error: ", "bold red"), (line, "red")), soft_wrap=True)
        if hint:
            console.print(Text(f"hint: {hint}", style="dim"), soft_wrap=True)
    else:
        sys.stderr.write(f"error: {line}\n" + (f"hint: {hint}\n" if hint else ""))


def _message(error: BaseException) -> str:
    if isinstance(error, typer.TyperException):
        return error.format_message()
    return error.message if isinstance(error, PortableError) else str(error)


def _line(error: BaseException) -> str:
    if isinstance(error, typer.TyperException):
        return error.format_message()
    if isinstance(error, PortableError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _hint(error: BaseException) -> str:
    if isinstance(error, PortableError):
        return next((HINTS[kind] for kind in type(error).__mro__ if kind in HINTS), "")
    if isinstance(error, KeyboardInterrupted):
        return ""
    if isinstance(error, OSError):
        return ""
    if isinstance(error, typer.TyperException):
        context = getattr(error, "ctx", None)
        return f"see `{context.command_path} --help`" if context else ""
    return "this is a bug in portable: please report it with what `-v` shows"
