"""``portable run``, ``jobs``, ``logs``, ``wait``, ``cancel``, ``reap`` and ``instances``."""

from __future__ import annotations

import typer

from portable.cli.jobs import ending, following, instances, looking, running


def add_to(app: typer.Typer) -> None:
    """Add the commands of this package."""
    for part in (running, looking, following, ending, instances):
        part.add_to(app)
