"""The local provider conforms, however the file system keeps what it knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from portable.testing import Harness, StorageConformance
from portable.testing.targets.local import local_harness


class TestLocal(StorageConformance):
    """Unnamed temporary files and extended attributes, where the file system has them."""

    @pytest.fixture
    def harness(self, tmp_path: Path) -> Harness:
        """A folder of the test's own."""
        return local_harness(tmp_path)


class TestLocalRecords(StorageConformance):
    """A file system without extended attributes and unnamed files."""

    root = False

    @pytest.fixture
    def harness(self, tmp_path: Path) -> Harness:
        """A folder of the test's own."""
        return local_harness(tmp_path, attributes="records", naming="named", durability="fast")
