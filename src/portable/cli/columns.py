"""Rows as lines of columns."""

from __future__ import annotations

from collections.abc import Sequence

UNKNOWN = "-"


def columns(rows: Sequence[tuple[str, ...]], aligned: str) -> list[str]:
    """Each row on a line; *aligned* has ``<`` or ``>`` for each column."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{cell:{side}{width}}" for cell, side, width in zip(row, aligned, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
