"""The table of faults by operations."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from .catalogue import ROWS, Cell
from .operations import OPERATIONS
from .running import Outcome

# Properties of a test's report, which travel from xdist's workers.
CELLS = "fault cells"
FIGURES = "fault figures"
VERDICTS = ("recovered", "clear error", "silent", "hung", "wrong type")


def packed(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """Plain values, which travel from a worker."""
    return [asdict(outcome) for outcome in outcomes]


def unpacked(entries: Iterable[dict[str, Any]]) -> list[Outcome]:
    return [Outcome(**{**entry, "cell": Cell(**entry["cell"])}) for entry in entries]


def by_fault(outcomes: Sequence[Outcome]) -> list[str]:
    """A Markdown table: a row per fault, a column per verdict."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    once: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        counts[outcome.cell.row][outcome.verdict] += 1
        if outcome.cell.mode == "once":
            once[outcome.cell.row][outcome.verdict] += 1
    lines = [
        "| fault | cells | recovered | clear error | silent | hung | wrong type | once: recovered |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in ROWS:
        if row in counts:
            lines.append(_line(row, counts[row], once[row]))
    whole, whole_once = sum(counts.values(), Counter()), sum(once.values(), Counter())
    return [*lines, _line("**all**", whole, whole_once)]


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
    rows = [row for row in ROWS if any(row == found for found, _ in counts)]
    lines = [f"| fault | {' | '.join(operations)} |", f"|---|{'--:|' * len(operations)}"]
    for row in rows:
        shown = [_short(counts[row, operation]) for operation in operations]
        lines.append(f"| {row} | {' | '.join(shown)} |")
    return lines


def _short(counts: Counter[str]) -> str:
    if not sum(counts[verdict] for verdict in VERDICTS):
        return ""
    bad = sum(counts[verdict] for verdict in ("silent", "hung", "wrong type"))
    text = f"{counts['recovered']}+{counts['clear error']}"
    return f"{text} !{bad}" if bad else text
