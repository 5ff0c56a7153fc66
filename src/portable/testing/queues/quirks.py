"""Faults of stand-in servers of queues that cases of the suite are known to meet."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from portable.testing.conformance.quirks import Quirk

QUEUE_QUIRKS: Mapping[str, Quirk] = {
    "in_process": Quirk("The stand-in lives in this process: no other one reaches it.", run=False),
    "unsafe_threads": Quirk("Threads that use it at once disturb each other.", run=False),
    "old_receipt_acks": Quirk("The receipt of a lease that is over removes the message."),
    "old_receipt_extends": Quirk("The receipt of a lease that is over hands the message back."),
    "late_ack_counts": Quirk("An ack after the lease has ended isn't told from one in time."),
    "no_dedup": Quirk("A message with an id that was there before is kept."),
    "duplicate_has_new_id": Quirk("A dropped duplicate gets an id of its own."),
    "age_limits_leases": Quirk("A lease can't end later than so long after the message was sent."),
    "no_astral_text": Quirk("Text with a character above U+FFFF is refused."),
}


def quirk(name: str) -> pytest.MarkDecorator:
    """Mark a case as one that a stand-in with this quirk fails."""
    if name not in QUEUE_QUIRKS:
        raise ValueError(f"no quirk is named {name!r}")
    return pytest.mark.portable_quirk(name)
