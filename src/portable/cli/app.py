"""All commands under one name."""

from __future__ import annotations

import signal
import sys
from io import TextIOWrapper
from types import FrameType
from typing import Annotated, NoReturn

import typer

from portable.cli import (
    configuring,
    copying,
    doctor,
    emulating,
    jobs,
    listing,
    machines,
    queues,
    reading,
    removing,
    syncing,
)
from portable.cli.commands import AsJSON, Profile, Quiet, Root, Verbose, options_of

TERMINATED = 128 + signal.SIGTERM

app = typer.Typer(
    name="portable",
    cls=Root,
    invoke_without_command=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (
    listing,
    reading,
    copying,
    syncing,
    removing,
    queues,
    jobs,
    machines,
    configuring,
    doctor,
    emulating,
):
    group.add_to(app)


@app.callback(
    epilog="An object is KEY in the profile's bucket, or a URL: s3://bucket/key, portable://key. "
    "Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 not allowed, 5 conflict, "
    "6 unavailable, 130 interrupted."
)
def root(
    context: typer.Context,
    profile: Profile = None,
    as_json: AsJSON = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """One command for object storage, queues and compute at every provider."""
    options = options_of(context)
    options.add(profile=profile, as_json=as_json, quiet=quiet, verbose=verbose)
    if version:
        from portable import __version__

        if as_json:
            import json

            sys.stdout.write(json.dumps({"version": __version__}) + "\n")
        else:
            sys.stdout.write(f"portable {__version__}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), nl=False)


def run() -> NoReturn:
    """Run the command line of this process."""
    # So that `kill` undoes what is half done, as Ctrl-C does.
    signal.signal(signal.SIGTERM, _terminated)
    if isinstance(sys.stdout, TextIOWrapper):  # a key may have letters that the terminal lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    app()
    raise AssertionError("the app exits")


def _terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(TERMINATED)
