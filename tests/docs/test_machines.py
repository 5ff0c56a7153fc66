"""The page of machines tells of every source, and counts what is there."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

from portable.compute import catalogue as package
from portable.compute.catalogue.data import catalogue
from tests.docs.test_settings import table


def test_every_source_is_there_with_its_licence() -> None:
    file = Path(package.__file__).with_name("sources.csv")
    with file.open(encoding="utf-8", newline="") as lines:
        sources = [(row["text"], row["licence"]) for row in csv.DictReader(lines)]
    assert [tuple(row) for row in table("machines.md", "Sources")] == sources


def test_the_counts_of_offers_and_the_regions_are_right() -> None:
    counted = Counter(each.provider for each in catalogue().offers)
    written = {row[0].strip("`"): row for row in table("machines.md", "Machines and prices")}
    assert sorted(written) == package.providers()
    for provider, row in written.items():
        assert row[1].split(",")[0] == str(counted[provider])
        assert all(f"`{region}`" in row[2] for region in package.regions(provider))


def test_the_number_of_rows_is_right() -> None:
    known = catalogue()
    rows = len(known.offers) + len(known.accelerators)
    page = (Path(__file__).parents[2] / "docs" / "machines.md").read_text(encoding="utf-8")
    assert f"{rows} rows, {len(package.machines())} types" in page
