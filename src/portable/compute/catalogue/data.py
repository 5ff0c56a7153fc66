"""The catalogue's files, read at the first use and once in a process."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import NamedTuple

from portable.compute import gpus
from portable.compute.catalogue.accelerators import ATTACHED, Accelerator
from portable.compute.catalogue.offer import Offer
from portable.compute.catalogue.shapes import Shape, shape_of
from portable.errors import PortableError

# What some collections of prices write for "unknown".
NO_PRICES = frozenset({0.0, 700.0})
ACCELERATOR = "accelerator:"


class Catalogue(NamedTuple):
    """All that is known: machines, and GPUs that are sold apart from them."""

    offers: tuple[Offer, ...]
    accelerators: tuple[Accelerator, ...]


@cache
def catalogue() -> Catalogue:
    """What is in the package's own files."""
    folder = Path(__file__).parent
    with (folder / "sources.csv").open(encoding="utf-8", newline="") as file:
        sources = {row["key"]: f"{row['text']} ({row['licence']})" for row in csv.DictReader(file)}
    with (folder / "machines.csv").open(encoding="utf-8", newline="") as file:
        return read(csv.DictReader(file), sources)


def read(rows: Iterable[Mapping[str, str]], sources: Mapping[str, str]) -> Catalogue:
    """Rows of ``machines.csv`` as offers and accelerators.

    Raises:
        PortableError: a row can't be true: a price of 0 or one that stands for "unknown", a spot
            price that isn't below the other, no shape, no GPU of this name. It has its line.
    """
    offers: list[Offer] = []
    accelerators: list[Accelerator] = []
    for line, row in enumerate(rows, start=2):
        try:
            if row["machine"].startswith(ACCELERATOR):
                accelerators.append(_accelerator(row, sources))
            else:
                offers.append(_offer(row, sources))
        except (KeyError, ValueError) as error:
            raise PortableError(f"machines.csv, line {line}: {error}") from error
    return Catalogue(tuple(offers), tuple(accelerators))


def _offer(row: Mapping[str, str], sources: Mapping[str, str]) -> Offer:
    shape = _shape(row)
    price, spot = _prices(row)
    return Offer(
        provider=_text(row, "provider"),
        region=_text(row, "region"),
        machine=_text(row, "machine"),
        cpus=shape.cpus,
        memory_gib=shape.memory_gib,
        gpus=shape.gpus,
        gpu=shape.gpu,
        gpu_memory_gib=shape.gpu_memory_gib,
        usd_per_hour=price,
        usd_per_hour_spot=spot,
        as_of=_day(row),
        source=_source(row, sources),
    )


def _accelerator(row: Mapping[str, str], sources: Mapping[str, str]) -> Accelerator:
    name = row["machine"].removeprefix(ACCELERATOR)
    if name not in ATTACHED:
        raise ValueError(f"no machine takes the accelerator {name!r}")
    price, spot = _prices(row)
    return Accelerator(
        provider=_text(row, "provider"),
        region=_text(row, "region"),
        name=name,
        gpu=_gpu(row["gpu"]),
        gpu_memory_gib=float(row["gpu_memory_gib"]),
        usd_per_hour=price,
        usd_per_hour_spot=spot,
        as_of=_day(row),
        source=_source(row, sources),
    )


def _shape(row: Mapping[str, str]) -> Shape:
    """What the row says; what its type's name says where the row is silent."""
    if not row["cpus"]:
        told = shape_of(row["machine"])
        if told is None:
            raise ValueError(f"the name {row['machine']!r} doesn't tell the shape")
        return told
    shape = Shape(float(row["cpus"]), float(row["memory_gib"]))
    if not (shape.cpus > 0 and shape.memory_gib > 0):
        raise ValueError(f"no machine has {shape.cpus} processors and {shape.memory_gib} GiB")
    if not row["gpu"]:
        return shape
    return Shape(
        shape.cpus,
        shape.memory_gib,
        float(row["gpus"]),
        _gpu(row["gpu"]),
        float(row["gpu_memory_gib"]),
    )


def _prices(row: Mapping[str, str]) -> tuple[float | None, float | None]:
    price, spot = _price(row["usd_per_hour"]), _price(row["usd_per_hour_spot"])
    if price is not None and spot is not None and spot >= price:
        raise ValueError(f"a spot price of {spot} isn't below {price}: it means no capacity")
    return price, spot


def _price(text: str) -> float | None:
    if not text:
        return None
    price = float(text)
    if price in NO_PRICES or not 0 < price < 1000:
        raise ValueError(f"{text} is no price; leave it empty where it isn't known")
    return price


def _gpu(name: str) -> str:
    if name not in gpus.MODELS:
        raise ValueError(f"{name!r} isn't among the GPUs of portable.compute.gpus")
    return name


def _day(row: Mapping[str, str]) -> date | None:
    return date.fromisoformat(row["as_of"]) if row["as_of"] else None


def _source(row: Mapping[str, str], sources: Mapping[str, str]) -> str:
    return "; ".join(sources[key] for key in _text(row, "source").split("+"))


def _text(row: Mapping[str, str], column: str) -> str:
    if not row[column]:
        raise ValueError(f"{column} is empty")
    return row[column]
