"""What CI leaves to the soak run: no fault, no operation, no target, and no two of them together.

But for one: stalls of a large object that is received in place.
"""

from __future__ import annotations

from collections.abc import Iterator

from .catalogue import DOWN, OTHERS, REDIRECT, SLOW, UP, faults, is_tried_whole
from .dialect import IN_PLACE
from .operations import OPERATIONS
from .targets import TARGETS, operations, shared

ALIKE = (*DOWN, *UP, *OTHERS, REDIRECT)  # the rest are a provider's own answers


def _tried() -> Iterator[tuple[str, str, str]]:
    for dialect, operation in operations():
        whole = is_tried_whole(dialect, operation)
        for row in faults(dialect) if whole else shared(dialect, operation):
            yield dialect.name, operation.name, row


def test_each_operation_meets_each_fault_somewhere() -> None:
    found = {(operation, row) for _, operation, row in _tried()}
    left = {(IN_PLACE, row) for row in SLOW}
    assert found >= {(name, row) for name in OPERATIONS for row in ALIKE} - left


def test_each_target_meets_each_fault() -> None:
    found = {(target, row) for target, _, row in _tried()}
    assert found == {(name, row) for name, target in TARGETS.items() for row in faults(target)}


def test_each_target_tries_each_of_its_operations() -> None:
    found = {(target, operation) for target, operation, _ in _tried()}
    assert found == {(dialect.name, operation.name) for dialect, operation in operations()}
