"""The command line, ``portable``. Described in docs/cli.md."""

from __future__ import annotations


def main() -> None:
    """Run the command that `sys.argv` asks for, and exit with its code."""
    try:
        from portable.cli.app import run  # imports Typer and rich, which nothing else here needs

        run()
    except KeyboardInterrupt:  # before there was anything to undo, or after
        raise SystemExit(130) from None
