"""The suite of queues goes red for every way of being wrong that we could think of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pytest

from portable.testing.queues.breaks import QUEUE_BREAKS
from tests.breaking import failed_cases, is_among
from tests.queue.broken import SOUND, class_of

BROKEN = "tests/queue/broken.py"
NOTICED_BY: Mapping[str, str] = {
    "acks_nothing": "test_lease_that_ends_gives_the_message_to_the_next",
    "acks_first_only": "test_redrive_brings_all_back",
    "claims_late_acks": "test_lease_that_ends_gives_the_message_to_the_next",
    "old_receipt_acks": "test_late_ack_leaves_the_message_to_its_holder",
    "old_receipt_extends": "test_late_nack_takes_nothing_from_its_holder",
    "leases_too_short": "test_message_is_hidden_until_acked",
    "leases_for_ever": "test_lease_that_ends_gives_the_message_to_the_next",
    "extends_nothing": "test_delayed_nack_and_extension_hold",
    "hands_back_at_once": "test_delayed_nack_and_extension_hold",
    "ignores_delays": "test_delayed_message_comes_when_it_is_time",
    "sends_first_only": "test_a_full_batch_and_one_more",
    "sends_twice": "test_message_is_hidden_until_acked",
    "drops_attributes": "test_attributes_come_back",
    "mangled_bodies": "test_body_comes_back_with_its_type",
    "ignores_groups": "test_group_is_handed_out_in_order_one_at_a_time",
    "ignores_dedup": "test_second_message_with_an_id_is_dropped",
    "forgets_attempts": "test_nack_hands_back_at_once",
    "counts_from_zero": "test_message_is_hidden_until_acked",
    "new_id_each_time": "test_message_is_hidden_until_acked",
    "forgets_groups": "test_dead_letter_frees_its_group",
    "missing_is_empty": "test_missing_queue_is_an_error_where_none_is_made",
    "purges_visible_only": "test_purge_removes_everything",
    "create_empties": "test_create_twice_is_fine_and_keeps_the_messages",
    "delete_empties": "test_deleted_queue_is_gone",
    "counts_leased": "test_stats_count_what_the_provider_tells",
    "zero_for_unknown": "test_stats_count_what_the_provider_tells",
    "peek_leases": "test_peek_leases_nothing",
}
# One process for all of them: each would take seconds to start.
pytestmark = [pytest.mark.xdist_group("queue-breaks"), pytest.mark.timeout(300)]


@cache
def _failed() -> Mapping[str, set[str]]:
    """The cases that failed, by class."""
    nodes = {f"{class_of(name)}::{case}" for name, case in NOTICED_BY.items()}
    nodes |= {f"{class_of(SOUND)}::{case}" for case in NOTICED_BY.values()}
    return failed_cases(f"{BROKEN}::{node}" for node in sorted(nodes))


@pytest.mark.parametrize("name", QUEUE_BREAKS)
def test_suite_is_red_for(name: str) -> None:
    """A driver that is broken so fails the case that is there for it."""
    failed = _failed().get(class_of(name), set())
    assert is_among(NOTICED_BY[name], failed), f"{name} went unnoticed"


def test_suite_is_green_without_a_break() -> None:
    """Else red would mean nothing."""
    assert _failed().get(class_of(SOUND), set()) == set()


def test_every_break_has_its_case() -> None:
    """And there is no case left of a break that is gone."""
    assert set(NOTICED_BY) == set(QUEUE_BREAKS)
