"""Every fault on every operation: nothing silent, nothing hung, nothing but our own errors."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from portable.errors import ObjectChanged, Unavailable
from portable.testing.faults import Fault

from . import catalogue, report
from .catalogue import REDIRECT, SWAP, Cell
from .dialect import Dialect
from .operations import OPERATIONS
from .running import Call, Outcome, kinds, run, too_many
from .scenes import Operation, Scene
from .stage import ATTEMPTS, Stage
from .targets import alone, each_target, operations, shared

# Single faults that a call reports instead of getting over them, each with the reason.
REPORTED: dict[tuple[str, str], str] = {
    ("drip", ""): "slower than 16 KiB/s beyond the deadline is given up",
    (REDIRECT, ""): "refused, not tried again: it was the server's answer",
    ("flip_down", "open rb"): "the file's reader had the bytes before the whole was verified",
}


class Stranger(ThreadingHTTPServer):
    """Another host: it must get no request, let alone credentials."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[dict[str, str]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://localhost:{self.server_address[1]}/elsewhere"


class _Handler(BaseHTTPRequestHandler):
    server: Stranger

    def handle_one_request(self) -> None:
        super().handle_one_request()
        self.server.got.append(dict(getattr(self, "headers", {})))


@pytest.fixture(scope="module")
def stranger() -> Iterator[Stranger]:
    with Stranger() as stranger:
        yield stranger
        stranger.shutdown()


def _is_expected(dialect: Dialect, outcome: Outcome) -> bool:
    row = outcome.cell.row
    known = {*REPORTED, *dialect.reported}
    return (row, "") in known or (row, outcome.cell.operation) in known


def _judge(
    request: pytest.FixtureRequest,
    dialect: Dialect,
    outcomes: list[Outcome],
    *,
    expect_recovery: bool = True,
) -> None:
    hit = [outcome for outcome in outcomes if outcome.verdict != "not hit"]
    request.node.user_properties.append((report.CELLS, report.packed(hit)))
    bad = [o for o in hit if o.verdict in ("silent", "hung", "wrong type")]
    assert not bad, "\n".join(f"{o.verdict}: {o.cell}: {o.detail} {o.error}" for o in bad)
    many = [o for o in hit if too_many(o, dialect)]
    assert not many, "\n".join(f"{o.most} requests: {o.cell}" for o in many)
    lasting = [
        o
        for o in hit
        if o.cell.mode == "once" and o.verdict != "recovered" and not _is_expected(dialect, o)
    ]
    assert not (lasting and expect_recovery), "\n".join(f"{o.cell}: {o.error}" for o in lasting)


def _each(*, share: bool = False) -> list[Any]:
    """Operations of targets.

    Args:
        share: Only those of which CI tries a share of all cells.
    """
    return [
        pytest.param(
            dialect.name, operation, id=f"{dialect.name}-{operation.name}", marks=alone(dialect)
        )
        for dialect, operation in operations()
        if not (share and catalogue.is_tried_whole(dialect, operation))
    ]


def _pairs(*, whole: bool = False) -> list[Any]:
    """Operations of targets, with each fault.

    Args:
        whole: Only those of which CI tries all cells.
    """
    return [
        pytest.param(
            dialect.name,
            operation,
            row,
            id=f"{dialect.name}-{operation.name}-{row}",
            marks=alone(dialect),
        )
        for dialect, operation in operations()
        for row in catalogue.faults(dialect)
        if not whole or catalogue.is_tried_whole(dialect, operation)
    ]


@pytest.mark.parametrize(("target", "operation"), _each())
def test_without_a_fault_each_operation_does_its_work(
    stage: Stage, operation: Operation, request: pytest.FixtureRequest
) -> None:
    """In as few requests as there are, each sent once."""
    outcome = run(stage, operation, Cell(stage.dialect.name, "none", operation.name, "once"))
    _judge(request, stage.dialect, [outcome])
    assert outcome.requests == len(kinds(stage, operation))


@pytest.mark.parametrize(("target", "operation", "row"), _pairs(whole=True))
def test_a_fault_is_overcome_or_reported(
    stage: Stage,
    stranger: Stranger,
    operation: Operation,
    row: str,
    request: pytest.FixtureRequest,
) -> None:
    """Once and for ever, on each kind of request, at several offsets."""
    seen = kinds(stage, operation)
    cells = catalogue.cells(stage.dialect, operation, row, seen, every=False)
    _run(stage, stranger, operation, cells, request)


@pytest.mark.parametrize(("target", "operation"), _each(share=True))
def test_any_fault_is_overcome_or_reported(
    stage: Stage, stranger: Stranger, operation: Operation, request: pytest.FixtureRequest
) -> None:
    """A share of all cells: of each fault, on a request and at an offset chosen by lot."""
    seen = kinds(stage, operation)
    cells = (
        cell
        for row in shared(stage.dialect, operation)
        for cell in catalogue.some_cells(stage.dialect, operation, row, seen)
    )
    _run(stage, stranger, operation, cells, request)


@pytest.mark.soak
@pytest.mark.parametrize(("target", "operation", "row"), _pairs())
def test_a_fault_at_every_offset_is_overcome_or_reported(
    stage: Stage,
    stranger: Stranger,
    operation: Operation,
    row: str,
    request: pytest.FixtureRequest,
) -> None:
    """The same with all offsets in both modes."""
    seen = kinds(stage, operation)
    cells = catalogue.cells(stage.dialect, operation, row, seen, every=True)
    _run(stage, stranger, operation, cells, request)


def _run(
    stage: Stage,
    stranger: Stranger,
    operation: Operation,
    cells: Iterable[Cell],
    request: pytest.FixtureRequest,
) -> None:
    outcomes = [run(stage, operation, cell, stranger=stranger.address) for cell in cells]
    _judge(request, stage.dialect, outcomes)
    assert stranger.got == []


@pytest.mark.parametrize("target", each_target(writing=True))
@pytest.mark.parametrize("at", [0, 60, 150])
def test_a_list_of_parts_that_is_spoiled_is_sent_again(
    stage: Stage, at: int, request: pytest.FixtureRequest
) -> None:
    """It can't be read, or it names a part that isn't there: neither is what was sent."""
    name = "put 9 MiB if_absent"
    cell = Cell(stage.dialect.name, "flip_up", name, "once", "commit", 0, at)
    outcome = run(stage, OPERATIONS[name], cell)
    _judge(request, stage.dialect, [outcome])
    assert outcome.verdict == "recovered"


# Before which request the object is replaced.
SWAPS = [
    ("get 17 MiB, parallel", "get", 1),
    ("get_ranges", "get", 0),
    ("get_ranges", "get", 1),
    ("open rb", "get", 0),
    ("open rb", "get", 1),
]


@pytest.mark.parametrize("target", each_target())
@pytest.mark.parametrize(("name", "kind", "after"), SWAPS)
@pytest.mark.parametrize("mode", ["once", "ever"])
def test_a_read_never_mixes_two_versions(
    stage: Stage, name: str, kind: str, after: int, mode: Any, request: pytest.FixtureRequest
) -> None:
    """The object is replaced by one of the same size between two requests of one read."""
    operation = OPERATIONS[name]
    outcome = run(stage, operation, Cell(stage.dialect.name, SWAP, name, mode, kind, after))
    _judge(request, stage.dialect, [outcome], expect_recovery=False)
    assert outcome.verdict in ("recovered", "clear error")
    if outcome.error:
        assert outcome.error.startswith("ObjectChanged"), outcome.error


@pytest.mark.parametrize("target", each_target())
@pytest.mark.parametrize("name", ["get small", "get 17 MiB, one stream", "open rb"])
def test_a_read_that_goes_on_after_a_break_never_mixes_two_versions(
    stage: Stage, name: str
) -> None:
    """The answer breaks off in its middle, and the rest is asked for of another object."""
    operation = OPERATIONS[name]
    is_get = stage.is_kind("get")
    with stage.bucket(operation.when()) as bucket:
        scene = Scene(stage, bucket, "resumed/")
        operation.prepare(scene)
        before = stage.store.content(operation.reads)

        def replace(_: object) -> None:
            scene.put(operation.other, operation.reads)

        stage.proxy.clear()
        stage.proxy.add(Fault("truncate", match=is_get, at=operation.size // 2))
        stage.proxy.add(Fault("pass", match=is_get, before=replace))
        call = Call(operation, scene)
        assert call.finishes(60), call.stack
        stage.forget(operation.reads)
    if call.error is None:
        # The old one, if the proxy took longer to replace it than the call to try again.
        assert call.value in (operation.other, before)
    else:
        assert isinstance(call.error, ObjectChanged)


@pytest.mark.parametrize("target", each_target())
def test_failed_requests_and_broken_answers_count_together(stage: Stage) -> None:
    """Else a server that does both by turns would be asked attempts times attempts."""
    stage.keep("kept/small", OPERATIONS["get small"].other)
    stage.proxy.clear()
    turn = itertools.count()
    stage.proxy.add(Fault("truncate", at=0, times=None, match=lambda _: next(turn) % 2 == 1))
    stage.proxy.add(Fault("status", answer=stage.dialect.failed, times=None))
    with stage.bucket() as bucket, pytest.raises(Unavailable):
        bucket.get("kept/small")
    assert len(stage.proxy.requests) == ATTEMPTS
    stage.forget("kept/small")
