"""Droplets do what every place does, as far as their fake shows; storage is Spaces' stand-in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portable.storage import Bucket
from portable.testing import ComputeConformance, ComputeHarness
from portable.testing.fakes.droplets import FakeDroplets
from portable.testing.faults import FaultProxy
from portable.testing.targets.droplets import droplets_harness


class TestDroplets(ComputeConformance):
    """Over sockets; answers come in pages of three."""

    @pytest.fixture
    def harness(
        self, server: FakeDroplets, storage: Callable[[], Bucket], proxy: FaultProxy
    ) -> ComputeHarness:
        return droplets_harness(server, storage, proxy)
