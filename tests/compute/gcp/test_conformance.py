"""Compute Engine does what every place does, as far as its fake shows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from portable.testing.compute import ComputeConformance, ComputeHarness
from portable.testing.fakes.gce import FakeGce
from portable.testing.targets.gce import gce_harness


@pytest.fixture
def server() -> Iterator[FakeGce]:
    with FakeGce(page=3) as server:
        yield server


class TestComputeEngine(ComputeConformance):
    @pytest.fixture
    def harness(self, server: FakeGce) -> ComputeHarness:
        return gce_harness(server)
