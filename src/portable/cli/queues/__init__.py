"""``portable queue …``: messages from a shell."""

from __future__ import annotations

import typer

from portable.cli.queues import consuming, looking, managing, sending


def add_to(app: typer.Typer) -> None:
    """Add the commands of this package."""
    group = typer.Typer(
        help="Messages: send, receive, consume, count and bring back.", no_args_is_help=True
    )
    for part in (sending, looking, consuming, managing):
        part.add_to(group)
    app.add_typer(group, name="queue", rich_help_panel="Queues")
