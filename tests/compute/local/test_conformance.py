"""Machines that are processes of this computer conform."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from portable.testing import ComputeConformance, ComputeHarness
from portable.testing.targets.local_compute import local_compute_harness

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the oracle looks into /proc")


class TestLocal(ComputeConformance):
    """With storage in a folder."""

    @pytest.fixture
    def harness(self, tmp_path: Path) -> ComputeHarness:
        """A folder of its own for each case."""
        return local_compute_harness(tmp_path)
