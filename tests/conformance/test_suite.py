"""The suite itself: it can't be switched off, and known faults have to be real."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from portable.testing import QUIRKS, StorageConformance
from portable.testing.conformance import SUITE
from portable.testing.conformance.quirks import quirk

EXAMPLE = """
import pytest
from dataclasses import replace
from portable.testing import Harness, StorageConformance
from portable.testing.targets.memory import memory_harness

class TestMine(StorageConformance):
    @pytest.fixture
    def harness(self) -> Harness:
        return replace(memory_harness(), quirks={quirks})
"""


def _run(folder: Path, quirks: dict[str, str], only: str) -> str:
    path = folder / "test_mine.py"
    path.write_text(EXAMPLE.format(quirks=quirks))
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "-k", only]
    run = subprocess.run(
        [*command, str(path), f"--rootdir={folder}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    return run.stdout + run.stderr


@pytest.mark.parametrize("value", [None, lambda *_: None, "x"], ids=["none", "function", "str"])
def test_case_can_not_be_replaced(value: object) -> None:
    """Whatever it is replaced by; the error names it."""
    with pytest.raises(TypeError, match="TestMine replaces 'test_put_replaces'"):
        type("TestMine", (StorageConformance,), {"test_put_replaces": value})


def test_case_can_not_be_replaced_by_a_mixin() -> None:
    """Nor by a class that comes first, nor a level further down."""
    mixin = type("Mixin", (), {"test_put_replaces": None})
    with pytest.raises(TypeError, match="'test_put_replaces'"):
        type("TestMine", (mixin, StorageConformance), {})
    base = type("Base", (StorageConformance,), {"test_more": lambda _: None})
    with pytest.raises(TypeError, match="'test_put_replaces'"):
        type("TestMine", (base,), {"test_put_replaces": None})


def test_fixture_of_the_suite_can_not_be_replaced() -> None:
    """A `raw` that looks away would make every case green."""
    with pytest.raises(TypeError, match="'raw'"):
        type("TestMine", (StorageConformance,), {"raw": None})


def test_cases_can_be_added() -> None:
    """A subclass has its provider's own."""
    added = type("TestMine", (StorageConformance,), {"test_of_mine": lambda _: None})
    assert set(SUITE) < set(dir(added))


def test_case_says_in_a_sentence_what_is_wanted() -> None:
    """Each has a docstring."""
    cases = {name: case for name, case in SUITE.items() if name.startswith("test_")}
    assert len(cases) > 130
    assert [name for name, case in cases.items() if not (case.__doc__ or "").strip()] == []


def test_unknown_quirk_is_an_error(tmp_path: Path) -> None:
    """A misspelt one would silence nothing."""
    output = _run(tmp_path, {"in_proces": "x"}, "test_put_replaces")
    assert "no quirk is named ['in_proces']" in output
    assert "2 errors" in output
    with pytest.raises(ValueError, match="'nope'"):
        quirk("nope")


def test_quirk_that_is_none_is_noticed(tmp_path: Path) -> None:
    """Its cases pass, and that is a failure."""
    output = _run(tmp_path, {"copy_ignores_if_match": "untrue"}, "test_copy_of_a_source_that")
    assert "XPASS(strict)" in output
    assert "2 failed" in output


def test_quirk_that_tells_nothing_skips_with_its_reason(tmp_path: Path) -> None:
    """For the few cases that can't be run at all."""
    output = _run(tmp_path, {"unsafe_threads": "because"}, "test_reads_while_another_writes")
    assert "unsafe_threads: because" in output
    assert "2 skipped" in output


def test_quirks_are_explained() -> None:
    """Each says what the stand-in does."""
    assert all(each.meaning.endswith(".") for each in QUIRKS.values())
