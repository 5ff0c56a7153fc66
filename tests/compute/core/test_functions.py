"""Functions on their way to a machine that hasn't their module."""

from __future__ import annotations

import functools
import importlib
import pickle
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import cloudpickle
import pytest

from portable.compute.functions import pickled
from portable.errors import InvalidArgument

SOURCE = """\
import time

def double(item):
    return 2 * item.number

class Item:
    number = 21

    def __getstate__(self):
        time.sleep(0.02)
        return {}
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """One of the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "module_here.py").write_text(SOURCE)
    importlib.invalidate_caches()
    yield importlib.import_module("module_here")
    sys.modules.pop("module_here", None)


def test_functions_of_one_module_are_pickled_whole_by_many_threads(
    module: ModuleType, tmp_path: Path
) -> None:
    """None of them depends on what another one has registered."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: pickled(module.double, [module.Item()]), range(16)))
    sys.modules.pop("module_here")
    (tmp_path / "module_here.py").unlink()
    for each in found:
        assert each.items is not None
        assert pickle.loads(each.function)(pickle.loads(each.items[0])) == 42


def test_what_can_not_be_pickled_is_named() -> None:
    """Whatever its own methods raise."""

    class Bad:
        def __reduce__(self) -> str:
            raise RuntimeError("no way")

    with pytest.raises(InvalidArgument, match="item 1 can't be pickled: RuntimeError: no way"):
        pickled(str, [0, Bad()])


def test_a_module_that_somebody_else_registered_stays_so(module: ModuleType) -> None:
    cloudpickle.register_pickle_by_value(module)
    try:
        pickled(module.double, [])
        assert "module_here" in cloudpickle.list_registry_pickle_by_value()
    finally:
        cloudpickle.unregister_pickle_by_value(module)


class Scorer:
    def __call__(self, page: int, *, weight: float) -> float:
        return page * weight


def needs_one(lr: float) -> float:
    return lr


@functools.wraps(needs_one)
def gives_it() -> float:
    return needs_one(0.1)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (needs_one, "needs_one is called without arguments: missing a required argument: 'lr'"),
        (Scorer(), "Scorer is called without arguments: missing a required argument: 'page'"),
        (functools.partial(pow, 2), "missing a required argument: 'exp'"),
    ],
)
def test_a_function_that_needs_arguments_is_refused_before_it_is_sent(
    function: Callable[..., object], said: str
) -> None:
    """In the job it would fail after a machine was paid for."""
    with pytest.raises(InvalidArgument, match=re.escape(said)) as caught:
        pickled(function, None)
    assert "functools.partial" in str(caught.value)


UNPACK = "where it takes several arguments, write lambda item: f(*item)"


@pytest.mark.parametrize(
    ("function", "said", "advice"),
    [
        (lambda: 1, "too many positional arguments", "give it a parameter for the item"),
        (lambda *, a=1: a, "too many positional arguments", "give it a parameter for the item"),
        (lambda a, b: a + b, "missing a required argument: 'b'", UNPACK),
        (Scorer(), "missing a required argument: 'weight'", UNPACK),
    ],
)
def test_a_function_that_doesnt_take_one_item_is_refused(
    function: Callable[..., object], said: str, advice: str
) -> None:
    """Before any item is looked at; a tuple isn't unpacked."""

    def items() -> Iterator[int]:
        raise AssertionError("asked for")
        yield

    with pytest.raises(InvalidArgument) as caught:
        pickled(function, items())
    assert f"is called with one item: {said}; {advice}" in str(caught.value)


@pytest.mark.parametrize(
    ("function", "items"),
    [
        (needs_one, [0.1]),
        (functools.partial(needs_one, 0.1), None),
        (functools.partial(Scorer(), weight=1), [3]),
        (gives_it, None),
        (lambda *items, **named: 0, [1]),
        (lambda item=0: item, None),
        (str, ["no signature"]),
        (dict, None),
        (min, [[1, 2]]),
        (Scorer, None),
    ],
)
def test_what_can_be_called_or_cant_be_told_is_sent(
    function: Callable[..., object], items: list[object] | None
) -> None:
    """Builtins may have no signature, and a decorator's wrapper takes what it takes."""
    assert pickled(function, items).function
