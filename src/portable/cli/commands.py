"""What all commands share: their options, how they are run, and how they end."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Annotated, Any, Concatenate, NoReturn, ParamSpec, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from portable.cli import completing, failures
from portable.cli.session import Options, Session
from portable.errors import PortableError

P = ParamSpec("P")

# What the Python API or other tools call them, and what to write here.
ELSEWHERE = {
    "get": "`portable cp portable://KEY FILE` fetches an object, `portable cat KEY` prints one",
    "put": "`portable cp FILE portable://KEY` stores a file",
    "download": "`portable cp portable://KEY FILE` does that, with -r for a folder",
    "upload": "`portable cp FILE portable://KEY` does that, with -r for a folder",
    "delete": "`portable rm KEY` does that",
}

INTERRUPTED = 130
READER_GONE = 141  # what a shell says of a tool that SIGPIPE ended

Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="Use this profile, or provider.",
        autocompletion=completing.profiles,
    ),
]
AsJSON = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notes and no progress.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show tracebacks.")]

_SHARED = {"profile": Profile, "as_json": AsJSON, "quiet": Quiet, "verbose": Verbose}


def options_of(context: typer.Context) -> Options:
    """The options of this run, which every level of the command line adds to."""
    return context.ensure_object(Options)


def command(
    app: typer.Typer,
    name: str,
    *,
    panel: str = "Objects",
    cls: type[TyperCommand] = TyperCommand,
) -> Callable[[Callable[Concatenate[Session, P], None]], Callable[Concatenate[Session, P], None]]:
    """Add a command that takes a `Session`, then what it declares, and the shared options."""

    def add(
        function: Callable[Concatenate[Session, P], None],
    ) -> Callable[Concatenate[Session, P], None]:
        help = _unwrapped(function.__doc__ or "")
        app.command(name, rich_help_panel=panel, cls=cls, help=help)(_runner(function))
        return function

    return add


def _unwrapped(words: str) -> str:
    """A docstring's paragraphs, each one line: the terminal decides where they break."""
    return "\n\n".join(" ".join(each.split()) for each in inspect.cleandoc(words).split("\n\n"))


def _runner(function: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
    signature = inspect.signature(function)
    hints = get_type_hints(function, include_extras=True)
    own = [
        parameter.replace(annotation=hints[parameter.name], kind=parameter.KEYWORD_ONLY)
        for parameter in list(signature.parameters.values())[1:]
    ]
    shared = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None if name == "profile" else False,
            annotation=annotation,
        )
        for name, annotation in _SHARED.items()
    ]
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)

    @wraps(function)
    def run(*, context: typer.Context, **given: Any) -> None:
        options = options_of(context)
        options.add(**{name: given.pop(name) for name in _SHARED})
        try:
            with Session(options) as session:
                function(session, **given)  # type: ignore[call-arg]
            sys.stdout.flush()
        except BrokenPipeError:
            _forget_stdout()
            raise typer.Exit(READER_GONE) from None

    parameters = [context, *own, *shared]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def _forget_stdout() -> None:
    """Nobody reads what is left in the buffer; the interpreter must not try at its end."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


class Root(TyperGroup):
    """The top of the command line: turns every way to end into an exit code and one error."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; one that has another name here is told with it."""
        if (name := args[0]) in ELSEWHERE and not ctx.resilient_parsing:
            ctx.fail(f"No such command {name!r}: {ELSEWHERE[name]}.")
        return super().resolve_command(ctx, args)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,  # noqa: ARG002 - always the same, for completion scripts
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: ARG002 - it always stands alone
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> NoReturn:
        given = list(sys.argv[1:] if args is None else args)
        options = Options()
        try:
            code = super().main(
                given,
                prog_name="portable",
                complete_var=complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                obj=options,
                **extra,
            )
            if code == INTERRUPTED:
                failures.report_interrupt(as_json=options.as_json)
        except Exception as error:  # noqa: BLE001 - the last one to see it
            # The words that can't be parsed may come before the option.
            options.as_json = options.as_json or "--json" in given
            if isinstance(error, OSError) and not isinstance(error, PortableError):
                _forget_stdout()  # it may be the disk under it that is full
            code = failures.report(error, as_json=options.as_json, verbose=options.verbose)
        sys.exit(code if isinstance(code, int) else 0)
