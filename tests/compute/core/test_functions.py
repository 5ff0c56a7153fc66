"""Functions on their way to a machine that hasn't their module."""

from __future__ import annotations

import importlib
import pickle
import sys
from collections.abc import Iterator
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
        pickled(module.double, None)
        assert "module_here" in cloudpickle.list_registry_pickle_by_value()
    finally:
        cloudpickle.unregister_pickle_by_value(module)
