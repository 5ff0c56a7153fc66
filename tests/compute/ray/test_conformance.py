"""A real Ray cluster does what every place does; its jobs are kept in a folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from portable.testing import ComputeConformance, ComputeHarness
from portable.testing.servers import RayServer
from portable.testing.targets.ray import ray_compute_harness

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the oracle looks into /proc"),
    pytest.mark.xdist_group("ray"),
    pytest.mark.soak,  # each job of Ray takes seconds to start: tests/compute/ray/test_jobs.py is quick
]


class TestRay(ComputeConformance):
    """By the Jobs API of one node with two processors."""

    @pytest.fixture
    def harness(self, cluster: RayServer, tmp_path: Path) -> ComputeHarness:
        """A folder of its own for each case."""
        return ray_compute_harness(cluster, tmp_path / "storage")
