"""The suite goes red for every way of being wrong that we could think of.

Here each break meets the one case that is there for it, and that case passes without the break.
``PORTABLE_BREAK_TABLE=breaks.md pytest …`` runs the whole suite for each break, which takes many
minutes, and writes how many cases it fails.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from portable.testing.breaks import BREAKS
from tests.breaking import failed_cases, is_among
from tests.conformance.broken import RUNS, SOUND, class_of

BROKEN = "tests/conformance/broken.py"
TABLE = os.environ.get("PORTABLE_BREAK_TABLE")
NOTICED_BY: Mapping[str, str] = {
    "ignore_prefix": "test_put_replaces",
    "ignore_if_absent": "test_if_absent_keeps_what_is_there",
    "ignore_if_match": "test_if_match_keeps_another_revision",
    "mangle_keys": "test_put_replaces",
    "drop_metadata": "test_value_comes_back_as_it_was_given",
    "drop_content_type": "test_content_type_is_kept_as_given",
    "list_unsorted": "test_list_gives_every_key_in_the_order_of_its_bytes",
    "list_by_segment": "test_prefix_is_plain_text",
    "list_first_page": "test_pages_join_without_a_gap",
    "swallow_delete": "test_delete_removes_that_object_only",
    "delete_missing_raises": "test_delete_of_a_missing_object_does_nothing",
    "truncate_reads": "test_get_of_a_foreign_object",
    "ignore_ranges": "test_range_is_a_slice",
    "ignore_pin": "test_read_is_of_one_revision",
    "denied_is_missing": "test_denied_bucket",
    "missing_is_empty": "test_exists_tells_of_objects_only",
    "copy_forgets_metadata": "test_copy_is_the_same_object",
    "revision_is_size": "test_revision_changes_with_the_content",
    "non_atomic_put": "test_reads_while_another_writes",
    "commit_on_exception": "test_what_is_not_closed_cleanly_is_not_published",
}
# One process for all of them: each would take seconds to start.
pytestmark = [pytest.mark.xdist_group("breaks"), pytest.mark.timeout(3600 if TABLE else 300)]


@cache
def _failed() -> Mapping[str, set[str]]:
    """The cases that failed, by class."""
    cases = {(run, NOTICED_BY[run[1]]) for run in RUNS}
    cases |= {((target, SOUND), case) for (target, _), case in cases}
    nodes = sorted(f"{BROKEN}::{class_of(*run)}::{case}" for run, case in cases)
    # Large objects break no other way than small ones, and take most of the time.
    return failed_cases([BROKEN] if TABLE else nodes, "-k", "not 17825792")


@pytest.mark.parametrize(("target", "name"), RUNS)
def test_suite_is_red_for(target: str, name: str) -> None:
    """A driver that is broken so fails the case that is there for it."""
    failed = _failed().get(class_of(target, name), set())
    assert is_among(NOTICED_BY[name], failed), f"{name} on {target} went unnoticed"
    if TABLE:
        with Path(TABLE).open("a") as table:
            table.write(f"| {target} | {name} | {len(failed)} |\n")


@pytest.mark.parametrize("target", sorted({target for target, _ in RUNS}))
def test_suite_is_green_without_a_break(target: str) -> None:
    """Else red would mean nothing."""
    assert _failed().get(class_of(target, SOUND), set()) == set()


def test_every_break_has_its_case() -> None:
    """And there is no case left of a break that is gone."""
    assert set(NOTICED_BY) == {*BREAKS, "commit_on_exception"}
