"""A progress bar on stderr, where there is someone to look at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from portable.cli.session import Session

if TYPE_CHECKING:
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
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=size)

        def moved(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        yield moved
