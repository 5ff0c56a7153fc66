"""The faults, and at which offsets of which requests each makes sense."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from portable.testing.faults import (
    Answer,
    Fault,
    Kind,
    conflict,
    error_answer,
    internal_error,
    slow_down,
    too_many_requests,
)

from .scenes import Operation
from .stage import ANSWERS_WITH_BODY, REQUESTS_WITH_BODY, kind_of

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
ANSWERS = {
    "503 SlowDown": slow_down(),
    "503 ServiceUnavailable": error_answer(503, "ServiceUnavailable"),
    "429 Retry-After": too_many_requests(2),
    "500 InternalError": internal_error(),
    "502 not S3's": error_answer(502, "BadGateway"),
    "409 conflict": conflict(),
    "400 RequestTimeout": error_answer(400, "RequestTimeout"),
}
# Faults beyond those above, one cell each for every kind of request.
OTHERS = ("200 with error", "200 of a stranger", "lost", "stall", "stall in body", "drip")
REDIRECT = "redirect"
SWAP = "swap"
ROWS = ("none", *DOWN, *UP, *ANSWERS, *OTHERS, REDIRECT, SWAP)
STALL_SECONDS = 2.5
ANSWER_BYTES = (0, 1, 60, 150, -1)
# What a hotel's network answers in S3's place.
PORTAL = Answer(
    200,
    (("Content-Type", "text/html"),),
    b"<!DOCTYPE html><html><body>Please log in to this network.</body></html>",
)


@dataclass(frozen=True)
class Cell:
    """One fault on one request of one operation.

    Attributes:
        row: The fault's name in the table.
        kind: The call of S3's that it hits, as `kind_of` names it.
        after: How many requests of that kind pass first.
        at: An offset, for the faults that have one.
    """

    row: str
    operation: str
    mode: Mode
    kind: str = ""
    after: int = 0
    at: int | None = None

    def __str__(self) -> str:
        at = "" if self.at is None else f"@{self.at}"
        turn = f"#{self.after + 1}" if self.after else ""
        return f"{self.operation} | {self.row}{at} {self.mode} on {self.kind}{turn}"

    def fault(self, location: str = "") -> Fault:
        """What the proxy is told."""
        given: dict[str, Any] = {
            "match": lambda request: kind_of(request) == self.kind,
            "after": self.after,
            "times": 1 if self.mode == "once" else None,
        }
        if self.row in DOWN or self.row in UP:
            return Fault(_fault_kind(self.row), at=self.at, **given)
        if self.row in ANSWERS:
            return Fault("status", answer=ANSWERS[self.row], **given)
        match self.row:
            case "200 with error":
                return Fault("ok_with_error", answer=internal_error(), **given)
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


def cells(operation: Operation, row: str, seen: list[str], *, every: bool) -> Iterator[Cell]:
    """The cells of one row and operation.

    Args:
        seen: The kinds of requests that the operation sends when nothing goes wrong, in order.
        every: All offsets, also for large objects.
    """
    for kind in dict.fromkeys(seen):
        if not _makes_sense(row, kind, operation):
            continue
        last = seen.count(kind) - 1
        for at in _offsets(operation, row, kind, every=every):
            yield Cell(row, operation.name, "once", kind, 0, at)
            if last > 0 and (every or not operation.is_large or at in (None, 0)):
                yield Cell(row, operation.name, "once", kind, last, at)
            if every or _is_worth_lasting(operation, row, kind, at):
                yield Cell(row, operation.name, "ever", kind, 0, at)


def _is_worth_lasting(operation: Operation, row: str, kind: str, at: int | None) -> bool:
    """Faults that last mostly differ by the request that they hit, and stalls take real time."""
    if row.startswith("stall") and operation.is_large:
        return kind in ("get", "commit")
    return at in (None, 0, 60) or at == operation.size // 2


def _makes_sense(row: str, kind: str, operation: Operation) -> bool:
    if row == "flip_down":
        return kind == "get" and operation.whole  # the rest only TLS can guard: test_tls.py
    if row in DOWN or row in ("stall in body", "drip"):
        return kind in ANSWERS_WITH_BODY
    if row in UP:
        return kind in REQUESTS_WITH_BODY
    if row == "409 conflict":
        return kind in ("put", "commit", "copy")
    if row == "200 with error":
        return kind in ("copy", "commit", "delete_many", "begin", "list")
    return True


def _offsets(operation: Operation, row: str, kind: str, *, every: bool) -> list[int | None]:
    if row == "drip":
        # Bytes per second: one that takes a little time, one that takes more than there is.
        if kind == "get":
            return [operation.size * 4, *([400] if operation.name == "get small" else [])]
        return [2_000, 15] if kind == "list" else [2_000]
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
