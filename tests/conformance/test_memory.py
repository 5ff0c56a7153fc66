"""The memory provider conforms."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from portable.testing import Harness, StorageConformance
from portable.testing.targets.memory import forget_all, memory_harness


class TestMemory(StorageConformance):
    """Objects in this process."""

    @pytest.fixture
    def harness(self) -> Iterator[Harness]:
        """A bucket of a new name."""
        yield memory_harness()
        forget_all()
