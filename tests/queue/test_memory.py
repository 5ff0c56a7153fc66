"""Queues in memory conform."""

from __future__ import annotations

import pytest

from portable.testing import QueueConformance, QueueHarness
from portable.testing.targets.memory_queue import memory_queue_harness


class TestMemory(QueueConformance):
    """Messages in this process, and a clock that the suite moves."""

    @pytest.fixture
    def harness(self) -> QueueHarness:
        """A queue of a new name."""
        return memory_queue_harness()
