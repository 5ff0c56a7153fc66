"""Which queue a command works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from portable.cli import completing

if TYPE_CHECKING:
    from portable.queue import Queue

Which = Annotated[
    str | None,
    typer.Option(
        "--queue",
        "-Q",
        metavar="NAME",
        help="A queue's name in the profile, or its URL; else the profile's own.",
        autocompletion=completing.queues,
    ),
]


def opened(which: str | None) -> Queue:
    """The queue that the option names."""
    from portable.queue.active import open_queue

    return open_queue(which)
