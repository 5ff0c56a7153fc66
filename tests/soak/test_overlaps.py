"""What the soaks count as two consumers that hold one message."""

from __future__ import annotations

from pathlib import Path

import pytest

from .queues import Plan, judged

FIRST = "got id 0 10.0 13.0 1"


@pytest.mark.parametrize(
    ("second", "overlaps"),
    [
        (["got id 0 12.0 15.0 2"], 1),
        (["got id 0 13.5 16.5 2"], 0),
        (["acked id 0 11.0 1", "got id 0 12.0 15.0 2"], 0),
        (["got id 0 12.0 15.0 2", "back id 0 11.0 1"], 0),
        (["got id 0 12.0 11.5 2"], 0),
        (["got other 1 12.0 15.0 2"], 0),
    ],
    ids=["both", "after", "acked", "noted late", "over before it was noted", "other"],
)
def test_overlap_is_two_leases_at_once_for_certain(
    tmp_path: Path, second: list[str], overlaps: int
) -> None:
    ledger = tmp_path / "ledger"
    ledger.write_text("\n".join([FIRST, *second]), encoding="utf-8")
    report = judged(Plan(url="memory://"), ledger, kills=0, seconds=0.0, stuck=0)
    assert report.overlaps == overlaps
