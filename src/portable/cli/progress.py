"""A progress bar on stderr, where there is someone to look at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from portable.cli.session import Session

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from portable.storage.uploads import Progress

WORTH_A_BAR_BYTES = 1024**2


@contextmanager
def shown(session: Session, name: str, size: int | None) -> Iterator[Progress | None]:
    """Give what a transfer calls with its progress, or `None` where nothing is shown.

    Args:
        name: In front of the bar.
        size: Bytes in all, where that is known.
    """
    if not session.shows_progress or (size is not None and size <= WORTH_A_BAR_BYTES):
        yield None
        return
    with bar("{task.description}") as line:
        task = line.add_task(name, total=size)

        def moved(done: int, total: int | None) -> None:
            line.update(task, completed=done, total=total)

        yield moved


@contextmanager
def bar(label: str) -> Iterator[Bar]:
    """A bar with rate and time left, which goes away at its end.

    Args:
        label: The format of what stands in front of it.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn(label, markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as made:
        yield made
