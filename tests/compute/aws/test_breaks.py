"""The suite of compute goes red for every way of being wrong that we could think of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pytest

from portable.testing.compute.breaks import COMPUTE_BREAKS
from tests.breaking import failed_cases, is_among
from tests.compute.aws.broken import SOUND, class_of

BROKEN = "tests/compute/aws/broken.py"
NOTICED_BY: Mapping[str, str] = {
    "ignores_tokens": "test_second_launch_finds_the_machine",
    "mangles_scripts": "test_boot_script_arrives_as_it_is",
    "cuts_scripts": "test_longest_boot_script_runs",
    "drops_tags": "test_launched_machine_is_as_wanted",
    "forgets_names": "test_launched_machine_is_as_wanted",
    "ignores_spot": "test_spot_machine_is_one",
    "ignores_keys": "test_key_may_log_in",
    "matches_any_tag": "test_list_has_the_machines_with_all_of_the_tags",
    "lists_first_page": "test_many_machines_are_all_listed",
    "missing_is_error": "test_machine_that_there_never_was",
    "dead_is_running": "test_machine_that_died_is_told_so",
    "only_stops": "test_terminated_machine_ends_with_all_that_runs_on_it",
    "ends_once": "test_terminating_twice_is_fine",
    "unseen_is_gone": "test_machine_that_isnt_seen_yet_can_be_terminated",
    "stops_for_good": "test_stopped_machine_starts_again",
    "capacity_is_quota": "test_provider_that_says_no[capacity]",
    "nothing_is_ambiguous": "test_machine_is_found_by_its_tags_where_no_answer_came",
    "closes_machines": "test_closed_driver_leaves_machines_alone",
}
# One process for all of them: each would take seconds to start.
pytestmark = [pytest.mark.xdist_group("compute-breaks"), pytest.mark.timeout(300)]


@cache
def _failed() -> Mapping[str, set[str]]:
    """The cases that failed, by class."""
    nodes = {f"{class_of(name)}::{case}" for name, case in NOTICED_BY.items()}
    nodes |= {f"{class_of(SOUND)}::{case}" for case in NOTICED_BY.values()}
    return failed_cases(f"{BROKEN}::{node}" for node in sorted(nodes))


@pytest.mark.parametrize("name", COMPUTE_BREAKS)
def test_suite_is_red_for(name: str) -> None:
    """A driver that is broken so fails the case that is there for it."""
    failed = _failed().get(class_of(name), set())
    assert is_among(NOTICED_BY[name], failed), f"{name} went unnoticed"


def test_suite_is_green_without_a_break() -> None:
    """Else red would mean nothing."""
    assert _failed().get(class_of(SOUND), set()) == set()


def test_every_break_has_its_case() -> None:
    """And there is no case left of a break that is gone."""
    assert set(NOTICED_BY) == set(COMPUTE_BREAKS)
