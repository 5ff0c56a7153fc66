"""Which compute a command works on, and which of its jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from portable.cli import completing

if TYPE_CHECKING:
    from portable.compute import Compute

Where = Annotated[
    str | None,
    typer.Option(
        "--compute",
        "-C",
        metavar="NAME",
        help="A compute's name in the profile, or its URL; else the profile's own.",
        autocompletion=completing.computes,
    ),
]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="A job's id, or its name.")]


def opened(where: str | None) -> Compute:
    """The compute that the option names."""
    from portable.compute.active import open_compute

    return open_compute(where)
