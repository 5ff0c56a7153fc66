"""Queues in SQLite conform, and do what the model of a queue does."""

from __future__ import annotations

from pathlib import Path

import pytest

from portable.testing import QueueConformance, QueueHarness, queue_state_machine
from portable.testing.targets.local_queue import local_queue_harness, open_frozen_local_queue

TestLocalModel = queue_state_machine(open_frozen_local_queue, examples=15)


class TestLocal(QueueConformance):
    """Messages in a file, which other processes share."""

    @pytest.fixture
    def harness(self, tmp_path: Path) -> QueueHarness:
        """A queue in a new file."""
        return local_queue_harness(tmp_path)
