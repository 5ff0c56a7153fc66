"""The page of semantics names every error, and the numbers that the code has."""

from __future__ import annotations

import builtins
import inspect
import re
from pathlib import Path

from portable import errors, retry
from portable.adapter import StorageSettings
from portable.storage import keys, metadata, uploads

PAGE = (Path(__file__).parents[2] / "docs" / "semantics.md").read_text(encoding="utf-8")


def test_every_error_has_its_row() -> None:
    classes = {
        name
        for name, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, errors.PortableError) and found is not errors.PortableError
    }
    section = PAGE.partition("\n## Errors\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == classes


def test_every_error_is_drawn_in_the_tree() -> None:
    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or ""))
    assert drawn == set(re.findall(r"^class (\w+)\(", inspect.getsource(errors), re.MULTILINE)) - {
        "PortableError"
    }


def test_an_error_is_what_python_calls_the_same() -> None:
    """Where the page says "also a …", it is."""
    rows = re.findall(r"^\| `(\w+)` \|.*also an? `(\w+)`", PAGE, re.MULTILINE)
    assert len(rows) >= 9
    for name, builtin in rows:
        assert issubclass(getattr(errors, name), getattr(builtins, builtin)), name


def test_the_numbers_of_retries_are_those_of_the_code() -> None:
    settings = StorageSettings()
    section = PAGE.partition("\n## Retries and deadlines\n")[2]
    assert f"| {settings.attempts} | `attempts` |" in section
    assert f"| {settings.deadline:g} s | `deadline` |" in section
    assert f"| {settings.concurrency} | `concurrency` |" in section
    assert retry.SLOWEST_BYTES_PER_SECOND == 16 * 1024
    assert "1 s for each 16 KiB" in section
    assert f"the smaller of {retry.LONGEST_SLEEP_SECONDS:g} s and" in section
    assert f"{retry.BASE_SECONDS * 1000:g} ms × 2ⁿ⁻¹" in section
    assert f"{retry.THROTTLED_BASE_SECONDS:g} s × 2ⁿ⁻¹ when throttled" in section
    assert f"{retry.BUDGET_TOKENS} tokens; a retry takes {retry.RETRY_TOKENS}" in section


def test_the_limits_of_keys_and_metadata_are_those_of_the_code() -> None:
    assert f"1 to {keys.MAX_BYTES:,} bytes of UTF-8" in PAGE
    assert f"more than {keys.MAX_SEGMENTS} segments" in PAGE
    assert f"`{keys.ACME}`" in PAGE
    assert metadata.MAX_BYTES == 2048
    assert f"{metadata.STAMP_BYTES} of those bytes are ours" in PAGE
    assert uploads.PART_BYTES == 8 * 1024**2
