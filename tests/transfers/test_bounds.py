"""Bounded memory, however many and however large."""

from __future__ import annotations

import random
import threading
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import portable
from portable.storage.driver import Page, StoredObject
from portable.transfers import spill, walk
from portable.transfers.crew import Crew
from portable.transfers.items import Item
from portable.transfers.places import packed, unpacked
from portable.transfers.spill import in_order
from portable_memory.storage import MemoryStorage
from tests.transfers.conftest import write_files

NOW = datetime.now(UTC)
MIB = 1024**2


@contextmanager
def peak() -> Iterator[list[int]]:
    """The most bytes that Python held inside the block."""
    found: list[int] = []
    tracemalloc.start()
    try:
        yield found
        found.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory buckets named after the number of objects that they seem to hold."""

    def listed(self: Any, prefix: str, **options: Any) -> Page:
        size = int(self.settings_name)
        first = int(options["token"] or 0)
        last = min(first + options["limit"], size)
        objects = [
            StoredObject(key=f"{prefix}{n:09}", size=n, revision="1", last_modified=NOW, crc32=n)
            for n in range(first, last)
        ]
        return Page(objects, (), str(last) if last < size else None)

    begin = MemoryStorage.__init__

    def named(self: Any, settings: Any) -> None:
        begin(self, settings)
        self.settings_name = settings.name

    monkeypatch.setattr(MemoryStorage, "__init__", named)
    monkeypatch.setattr(MemoryStorage, "list", listed)


@pytest.mark.usefixtures("endless")
def test_a_listing_of_any_length(tmp_path: Path) -> None:
    """30,000 keys on each side would be 15 MiB."""
    source, target = (portable.open_bucket(f"memory://{n}") for n in ("30000", "30001"))
    with peak() as found:
        report = source.sync(source, target, delete=True, dry_run=True)
    assert (report.skipped, report.deleted, report.sent) == (30_000, 1, 0)
    assert found[0] < 5 * MIB


@pytest.mark.usefixtures("endless")
def test_deletions_of_any_number() -> None:
    """They wait on disk for the end of the listing."""
    source, target = (portable.open_bucket(f"memory://{n}") for n in ("1", "20000"))
    with peak() as found:
        report = source.sync(source, target, delete=True, dry_run=True)
    assert (report.deleted, len(report.changes)) == (19_999, 100)
    assert found[0] < 8 * MIB


def test_records_are_sorted_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in memory, whatever bytes are in them."""
    monkeypatch.setattr(spill, "RUN", 100)
    rolls = random.Random(7)
    records = [rolls.randbytes(rolls.randrange(40)) for _ in range(5000)] + [b"x" * 200_000]
    assert list(in_order(records)) == sorted(records)
    assert list(in_order(records[:100])) == sorted(records[:100])
    assert list(in_order([])) == []


def test_an_item_survives_the_disk() -> None:
    for item in (Item("a/é", "a/é".encode(), 5, "rev-\0-1", 7, left=7), Item("a", b"a", 0, "")):
        assert unpacked(packed(item)) == item


def test_a_folder_is_walked_in_key_order_however_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More names in one folder than are held in memory."""
    monkeypatch.setattr(spill, "RUN", 10)
    names = [f"{a}{b}{c}" for a in ("a", "a-", "a0", "é") for b in ("", "/b", "/b/") for c in "0z-"]
    names = [name for name in names if not any(each.startswith(f"{name}/") for each in names)]
    folder = write_files(tmp_path / "many", dict.fromkeys(names, b""))
    found = [item.name for item in walk.Walk(str(folder))]
    assert found == sorted(names, key=str.encode)
    for after, until in (("a", "a0z"), ("a/b0", None), ("a-/b/z", "é"), ("", "a")):
        expected = [n for n in found if after.encode() < n.encode()]
        expected = [n for n in expected if until is None or n.encode() <= until.encode()]
        part = walk.Walk(str(folder), after=after, until=until)
        assert [item.name for item in part] == expected


def test_tasks_together_hold_no_more_than_they_may() -> None:
    """And one that is heavier than all of it runs alone."""
    held, most, lock = 0, 0, threading.Lock()
    weights: Sequence[int] = [random.Random(n).randrange(60) for n in range(300)] + [1000]

    def task(weight: int) -> None:
        nonlocal held, most
        with lock:
            held += min(weight, 100)
            most = max(most, held)
        time.sleep(0.0005)
        with lock:
            held -= min(weight, 100)

    with Crew(8, 100) as crew:
        for weight in weights:
            crew.submit(weight, lambda weight=weight: task(weight))  # type: ignore[misc]
        crew.drain()
    assert most <= 100


def test_large_files_in_bounded_memory(tmp_path: Path) -> None:
    """Three of 96 MiB, up and down: no more than the transfers' 96 MiB and a little."""
    source = tmp_path / "source"
    source.mkdir()
    for number in range(3):
        with (source / f"{number}").open("wb") as file:
            file.truncate(96 * MIB)
    bucket = portable.open_bucket(f"{(tmp_path / 'bucket').as_uri()}?durability=fast")
    with peak() as found:
        assert bucket.upload(source).sent == 3
    assert found[0] < 120 * MIB
    with peak() as found:
        assert bucket.download("", tmp_path / "down").sent == 3
    assert found[0] < 32 * MIB
