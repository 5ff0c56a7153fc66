"""The faults, and at which offsets of which requests each makes sense."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from portable.testing.faults import Answer, Fault, Kind

from .dialect import Dialect
from .scenes import Operation

Mode = Literal["once", "ever"]

DOWN: tuple[Kind, ...] = (
    "truncate",
    "reset",
    "chunk_end",
    "no_length",
    "wrong_length",
    "flip_down",
)
UP: tuple[Kind, ...] = ("flip_up", "cut_up")
# Faults beyond those above, one cell each for every kind of request.
OTHERS = ("200 with error", "200 of a stranger", "lost", "stall", "stall in body", "drip")
REDIRECT = "redirect"
SWAP = "swap"
STALL_SECONDS = 2.5
SLOW = ("stall", "stall in body", "drip")
TOO_SLOWLY = (400, 15)  # bytes per second: of a small object, of a listing
LASTING = 1 / 3  # the share of rows and operations of which `some_cells` takes a lasting one
ANSWER_BYTES = (0, 1, 60, 150, -1)
# What a hotel's network answers in the server's place.
PORTAL = Answer(
    200,
    (("Content-Type", "text/html"),),
    b"<!DOCTYPE html><html><body>Please log in to this network.</body></html>",
)


def faults(dialect: Dialect) -> list[str]:
    """The names of all faults of the matrix; none and `SWAP` have tests of their own."""
    return [*DOWN, *UP, *dialect.answers, *OTHERS, REDIRECT]


def rows(dialect: Dialect) -> list[str]:
    """The names of all rows, in the order of the tables."""
    return ["none", *faults(dialect), SWAP]


def is_tried_whole(dialect: Dialect, operation: Operation) -> bool:
    """Does CI try all cells?"""
    return dialect.whole and not operation.is_large


@dataclass(frozen=True)
class Cell:
    """One fault on one request of one operation.

    Attributes:
        target: The dialect's name.
        row: The fault's name in the table.
        kind: The call of the provider's that it hits, as `Dialect.kind_of` names it.
        after: How many requests of that kind pass first.
        at: An offset, for the faults that have one.
    """

    target: str
    row: str
    operation: str
    mode: Mode
    kind: str = ""
    after: int = 0
    at: int | None = None

    def __str__(self) -> str:
        at = "" if self.at is None else f"@{self.at}"
        turn = f"#{self.after + 1}" if self.after else ""
        return f"{self.target}: {self.operation} | {self.row}{at} {self.mode} on {self.kind}{turn}"

    def fault(self, dialect: Dialect, location: str = "") -> Fault:
        """What the proxy is told."""
        given: dict[str, Any] = {
            "match": lambda request: dialect.kind_of(request) == self.kind,
            "after": self.after,
            "times": 1 if self.mode == "once" else None,
        }
        if self.row in DOWN or self.row in UP:
            return Fault(_fault_kind(self.row), at=self.at, **given)
        if self.row in dialect.answers:
            return Fault("status", answer=dialect.answers[self.row], **given)
        match self.row:
            case "200 with error":
                return Fault("ok_with_error", answer=dialect.failed, **given)
            case "200 of a stranger":
                return Fault("status", answer=PORTAL, **given)
            case "lost":
                return Fault("lost", **given)
            case "stall":
                return Fault("stall", seconds=STALL_SECONDS, **given)
            case "stall in body":
                return Fault("stall", seconds=STALL_SECONDS, at=self.at, **given)
            case "drip":
                return Fault("drip", rate=self.at or 1, **given)
            case "redirect":
                return Fault("redirect", location=location, **given)
        raise AssertionError(self.row)


def _fault_kind(row: str) -> Kind:
    found: Kind = next(kind for kind in (*DOWN, *UP) if kind == row)
    return found


def cells(
    dialect: Dialect, operation: Operation, row: str, seen: list[str], *, every: bool
) -> Iterator[Cell]:
    """The cells of one row and operation.

    Args:
        seen: The kinds of requests that the operation sends when nothing goes wrong, in order.
        every: All offsets, also for large objects.
    """
    for kind in dict.fromkeys(seen):
        if not _makes_sense(dialect, row, kind, operation):
            continue
        last = seen.count(kind) - 1
        for at in _offsets(operation, row, kind, every=every):
            yield Cell(dialect.name, row, operation.name, "once", kind, 0, at)
            if last > 0 and (every or not operation.is_large or at in (None, 0)):
                yield Cell(dialect.name, row, operation.name, "once", kind, last, at)
            if every or _is_worth_lasting(operation, row, kind, at):
                yield Cell(dialect.name, row, operation.name, "ever", kind, 0, at)


def some_cells(dialect: Dialect, operation: Operation, row: str, seen: list[str]) -> Iterator[Cell]:
    """At most two of them, always the same ones: one that comes once and maybe one that lasts."""
    chance = random.Random(f"{dialect.name}/{operation.name}/{row}")
    all_of_them = [
        cell
        for cell in cells(dialect, operation, row, seen, every=False)
        if cell.row != "drip" or cell.at not in TOO_SLOWLY
    ]
    once = [cell for cell in all_of_them if cell.mode == "once"]
    ever = [cell for cell in all_of_them if cell.mode == "ever"]
    if once:
        yield chance.choice(once)
    if ever and chance.random() < LASTING:
        yield chance.choice(ever)


def _is_worth_lasting(operation: Operation, row: str, kind: str, at: int | None) -> bool:
    """Faults that last mostly differ by the request that they hit, and stalls take real time."""
    if row.startswith("stall") and operation.is_large:
        return kind in ("get", "commit")
    return at in (None, 0, 60) or at == operation.size // 2


def _makes_sense(dialect: Dialect, row: str, kind: str, operation: Operation) -> bool:
    if row == "flip_down":
        return kind == "get" and operation.whole  # the rest only TLS can guard: test_tls.py
    if row in DOWN or row in ("stall in body", "drip"):
        return kind in dialect.with_answer
    if row in UP:
        return kind in dialect.with_body
    if row == "200 with error":
        return kind in dialect.with_answer and kind != "get"
    return kind in dialect.only_on.get(row, {kind})


def _offsets(operation: Operation, row: str, kind: str, *, every: bool) -> list[int | None]:
    if row == "drip":
        # Bytes per second: one that takes a little time, one that takes more than there is.
        if kind == "get":
            return [operation.size * 4, *(TOO_SLOWLY[:1] if operation.name == "get small" else [])]
        return [2_000, *TOO_SLOWLY[1:]] if kind == "list" else [2_000]
    if row == "stall in body":
        return [operation.size // 2 if kind == "get" else 60]
    if row not in DOWN and row not in UP:
        return [None]
    is_content = kind in ("get", "put", "part")
    if not is_content:
        return list(ANSWER_BYTES) if every or kind == "list" else [0, 60, -1]
    half = min(operation.size, 8 * 1024 * 1024) // 2 if kind == "part" else operation.size // 2
    if operation.is_large and not every:
        return [0, half, *operation.edges, -1]
    return [0, 1, *operation.edges, half, -1]
