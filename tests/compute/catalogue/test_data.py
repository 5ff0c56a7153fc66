"""The files of the catalogue, and rows that can't be true."""

from __future__ import annotations

import csv
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from portable.compute import catalogue as package
from portable.compute import gpus
from portable.compute.catalogue.accelerators import ATTACHED
from portable.compute.catalogue.data import catalogue, read
from portable.errors import PortableError

FOLDER = Path(package.__file__).parent
COLUMNS = (
    "provider,region,machine,cpus,memory_gib,gpus,gpu,gpu_memory_gib,"
    "usd_per_hour,usd_per_hour_spot,as_of,source"
)
ROW = "aws,us-east-1,p3.8xlarge,32,244,4,V100,16,12.24,1.4129,2026-07-20,prices"


def parsed(line: str) -> dict[str, str]:
    (row,) = csv.DictReader([COLUMNS, line])
    return row


def table(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_offer_is_priced_dated_and_shaped_as_far_as_is_known() -> None:
    """`None` is unknown; nothing is 0, and nothing is from before the last years."""
    for offer in catalogue().offers:
        for price in (offer.usd_per_hour, offer.usd_per_hour_spot):
            assert price is None or 0 < price < 200, offer
        assert (offer.usd_per_hour_spot or 0) < (offer.usd_per_hour or 1000)
        assert offer.cpus > 0, offer
        assert offer.memory_gib > 0, offer
        assert offer.as_of is None or offer.as_of > date(2025, 1, 1), offer
        assert offer.source, offer
        assert (offer.gpus > 0) == (offer.gpu is not None) == (offer.gpu_memory_gib is not None)
        if offer.gpu is not None:
            assert offer.gpu_memory_gib in gpus.MODELS[offer.gpu], offer


def test_an_offer_is_there_once() -> None:
    places = [(each.provider, each.region, each.machine) for each in catalogue().offers]
    assert len(places) == len(set(places))


def test_a_type_is_the_same_in_every_region() -> None:
    shapes: dict[tuple[str, str], set[tuple[object, ...]]] = {}
    for each in catalogue().offers:
        shape = (each.cpus, each.memory_gib, each.gpus, each.gpu, each.gpu_memory_gib)
        shapes.setdefault((each.provider, each.machine), set()).add(shape)
    assert not {name: found for name, found in shapes.items() if len(found) > 1}


def test_every_source_is_used_and_has_a_licence() -> None:
    sources = table("sources.csv")
    used = {key for row in table("machines.csv") for key in row["source"].split("+")}
    assert {row["key"] for row in sources} == used
    assert all(row["text"] and row["licence"] for row in sources)
    assert not [row for row in sources if "BY-SA" in row["licence"] or "SpareCores" in row["text"]]


def test_accelerators_have_hosts_that_take_them() -> None:
    known = catalogue()
    assert {each.name for each in known.accelerators} == set(ATTACHED)


def test_a_row_is_read_as_it_is_written() -> None:
    (offer,) = read([parsed(ROW)], {"prices": "a list"}).offers
    assert (offer.machine, offer.cpus, offer.memory_gib) == ("p3.8xlarge", 32, 244)
    assert (offer.gpus, offer.gpu, offer.gpu_memory_gib) == (4, "V100", 16)
    assert (offer.price(), offer.price(spot=True)) == (12.24, 1.4129)
    assert (offer.as_of, offer.source) == (date(2026, 7, 20), "a list")


def test_what_is_empty_is_unknown() -> None:
    row = parsed(ROW.replace("12.24,1.4129,2026-07-20", ",,"))
    (offer,) = read([row], {"prices": "a list"}).offers
    assert (offer.price(), offer.price(spot=True), offer.as_of) == (None, None, None)


@pytest.mark.parametrize(
    ("part", "instead", "text"),
    [
        ("12.24", "0", "0 is no price; leave it empty"),
        ("12.24", "0.0", "no price"),
        ("12.24", "700.0", "no price"),
        ("12.24", "-1", "no price"),
        ("12.24", "nan", "no price"),
        ("12.24", "inf", "no price"),
        ("12.24", "cheap", "could not convert"),
        ("1.4129", "0", "no price"),
        ("1.4129", "12.24", "isn't below"),
        ("32,", "0,", "0.0 processors"),
        ("32,244,4,V100,16", ",,,,", "doesn't tell the shape"),
        ("V100", "V10", "isn't among the GPUs"),
        ("2026-07-20", "July", "isoformat"),
        (",prices", ",prizes", "prizes"),
        (",prices", ",", "source is empty"),
        ("us-east-1", "", "region is empty"),
        ("p3.8xlarge", "accelerator:nvidia-x", "no machine takes"),
    ],
)
def test_a_row_that_can_not_be_true_is_refused_with_its_line(
    part: str, instead: str, text: str
) -> None:
    rows = [parsed(ROW), parsed(ROW.replace(part, instead))]
    with pytest.raises(PortableError, match=f"line 3: .*({text})"):
        read(rows, {"prices": "a list"})


def test_nothing_is_read_before_it_is_asked_for() -> None:
    """An import costs no file."""
    program = (
        "import portable.compute.catalogue, portable.compute.catalogue.data as data\n"
        "assert data.catalogue.cache_info().currsize == 0\n"
        "portable.compute.catalogue.providers()\n"
        "assert data.catalogue.cache_info().currsize == 1\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
