"""The table of faults by operations."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from .catalogue import Cell, rows
from .operations import OPERATIONS
from .running import Outcome
from .targets import TARGETS

# Properties of a test's report, which travel from xdist's workers.
CELLS = "fault cells"
FIGURES = "fault figures"
VERDICTS = ("recovered", "clear error", "silent", "hung", "wrong type")


def packed(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """Plain values, which travel from a worker."""
    return [asdict(outcome) for outcome in outcomes]


def unpacked(entries: Iterable[dict[str, Any]]) -> list[Outcome]:
    return [Outcome(**{**entry, "cell": Cell(**entry["cell"])}) for entry in entries]


def tables(outcomes: Sequence[Outcome]) -> list[str]:
    """All of them, as Markdown: what came of each target, then of each fault there."""
    lines = by_target(outcomes)
    for target in _tried(outcomes):
        chosen = [outcome for outcome in outcomes if outcome.cell.target == target]
        lines += ["", f"{target}:", "", *by_fault(chosen), "", *by_operation(chosen)]
    return lines


def by_target(outcomes: Sequence[Outcome]) -> list[str]:
    """A row per provider and engine, a column per verdict."""
    counts = _counted(outcomes, lambda cell: cell.target)
    return [*_header("target"), *(_line(name, *counts[name]) for name in _tried(outcomes))]


def by_fault(outcomes: Sequence[Outcome]) -> list[str]:
    """A row per fault, a column per verdict."""
    counts = _counted(outcomes, lambda cell: cell.row)
    whole = _counted(outcomes, lambda _: "")[""]
    shown = [row for row in _rows(outcomes) if row in counts]
    lines = [_line(row, *counts[row]) for row in shown]
    return [*_header("fault"), *lines, _line("**all**", *whole)]


Counts = tuple[Counter[str], Counter[str]]


def _counted(outcomes: Sequence[Outcome], name: Callable[[Cell], str]) -> dict[str, Counts]:
    """Verdicts by name: of all faults, and of those that come once."""
    counts: dict[str, Counts] = defaultdict(lambda: (Counter(), Counter()))
    for outcome in outcomes:
        every, once = counts[name(outcome.cell)]
        every[outcome.verdict] += 1
        once[outcome.verdict] += outcome.cell.mode == "once"
    return counts


def _tried(outcomes: Sequence[Outcome]) -> list[str]:
    found = {outcome.cell.target for outcome in outcomes}
    return [name for name in TARGETS if name in found]


def _rows(outcomes: Sequence[Outcome]) -> list[str]:
    names = (row for target in _tried(outcomes) for row in rows(TARGETS[target]))
    return list(dict.fromkeys(names))


def _header(name: str) -> list[str]:
    return [
        f"| {name} | cells | {' | '.join(VERDICTS)} | once: recovered |",
        f"|---|{'--:|' * (len(VERDICTS) + 2)}",
    ]


def _line(name: str, counts: Counter[str], once: Counter[str]) -> str:
    total = sum(counts[verdict] for verdict in VERDICTS)
    single = sum(once[verdict] for verdict in VERDICTS)
    numbers = " | ".join(str(counts[verdict]) for verdict in VERDICTS)
    return f"| {name} | {total} | {numbers} | {once['recovered']} of {single} |"


def by_operation(outcomes: Sequence[Outcome]) -> list[str]:
    """Faults down, operations across: ``recovered+clear error``, and ``!`` for the rest."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        counts[outcome.cell.row, outcome.cell.operation][outcome.verdict] += 1
    tried = {outcome.cell.operation for outcome in outcomes}
    operations = [name for name in OPERATIONS if name in tried]
    shown_rows = [row for row in _rows(outcomes) if any(row == found for found, _ in counts)]
    lines = [f"| fault | {' | '.join(operations)} |", f"|---|{'--:|' * len(operations)}"]
    for row in shown_rows:
        shown = [_short(counts[row, operation]) for operation in operations]
        lines.append(f"| {row} | {' | '.join(shown)} |")
    return lines


def _short(counts: Counter[str]) -> str:
    if not sum(counts[verdict] for verdict in VERDICTS):
        return ""
    bad = sum(counts[verdict] for verdict in ("silent", "hung", "wrong type"))
    text = f"{counts['recovered']}+{counts['clear error']}"
    return f"{text} !{bad}" if bad else text
