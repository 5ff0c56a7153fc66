"""A queue that does as it is told, by a clock that stands still."""

from __future__ import annotations

import pytest

from tests.queue.faulty import Stage, stage


@pytest.fixture
def on() -> Stage:
    """A queue, its script and its clock."""
    return stage()
