"""The two buckets can't drift apart."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from collections.abc import Callable

import pytest

import portable
from portable.aio import AsyncBucket
from portable.storage import Bucket


def methods(kind: type) -> dict[str, Callable[..., object]]:
    found = inspect.getmembers(kind, inspect.isfunction)
    return {name: method for name, method in found if not name.startswith("_")}


BLOCKING, AWAITED = methods(Bucket), methods(AsyncBucket)

# What an event loop has that threads don't; everything else is the same, letter by letter.
ALSO = {
    ("put", "data"): "Body | AsyncIterable[bytes]",
    ("delete_many", "keys"): "Iterable[str] | AsyncIterable[str]",
    ("copy", "to"): "Bucket | AsyncBucket | None",
}
RETURNS = {
    "Iterator[ObjectInfo]": "AsyncIterator[ObjectInfo]",
    "BinaryIO": "Opening[AsyncReader[bytes]]",
    "TextIO": "Opening[AsyncReader[str]]",
    "ObjectWriter": "Opening[AsyncWriter[bytes]]",
    "TextWriter": "Opening[AsyncWriter[str]]",
}


def test_every_method_has_a_twin() -> None:
    assert AWAITED.keys() == BLOCKING.keys()


@pytest.mark.parametrize("name", BLOCKING)
def test_a_twin_takes_the_same_and_returns_the_same(name: str) -> None:
    assert shape(AWAITED[name]) == expected(name, BLOCKING[name])
    lazy = name in ("list", "open")
    assert inspect.iscoroutinefunction(AWAITED[name]) != lazy


def test_open_has_the_same_overloads() -> None:
    blocking = typing.get_overloads(Bucket.open)
    assert len(blocking) == 5
    wanted = [expected("open", each) for each in blocking]
    assert [shape(each) for each in typing.get_overloads(AsyncBucket.open)] == wanted


def test_queues_and_jobs_are_there_without_an_import_of_their_own() -> None:
    program = "import portable; portable.aio.queue.send, portable.aio.compute.submit"
    subprocess.run([sys.executable, "-c", program], check=True)
    with pytest.raises(AttributeError, match="no attribute 'quue'"):
        portable.aio.quue  # noqa: B018


@pytest.mark.parametrize("name", sorted(BLOCKING.keys() - {"close"}))
def test_the_functions_of_the_module_are_the_methods(name: str) -> None:
    assert getattr(portable.aio, name).__func__ is AWAITED[name]
    assert name in portable.aio.__all__


@pytest.mark.parametrize("name", AWAITED)
def test_a_twin_says_whose_it_is(name: str) -> None:
    assert (AWAITED[name].__doc__ or "").startswith(f"As `Bucket.{name}`")


def shape(method: Callable[..., object]) -> tuple[list[inspect.Parameter], object]:
    signature = inspect.signature(method)
    return list(signature.parameters.values()), signature.return_annotation


def expected(name: str, method: Callable[..., object]) -> tuple[list[inspect.Parameter], object]:
    parameters, returned = shape(method)
    return (
        [
            each.replace(annotation=ALSO.get((name, each.name), each.annotation))
            for each in parameters
        ],
        RETURNS.get(str(returned), returned),
    )
