"""The memory provider conforms."""

from __future__ import annotations

import pytest

from portable.testing import Harness, StorageConformance
from portable.testing.targets.memory import memory_harness


class TestMemory(StorageConformance):
    """Objects in this process."""

    @pytest.fixture
    def harness(self) -> Harness:
        """A bucket of a new name."""
        return memory_harness()
