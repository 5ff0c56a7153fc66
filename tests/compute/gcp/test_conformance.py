"""Compute Engine does what every place does, as far as its fake shows; storage is by FakeGcs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from portable.testing import ComputeConformance, ComputeHarness
from portable.testing.fakes.gce import FakeGce
from portable.testing.fakes.gcs import FakeGcs
from portable.testing.faults import FaultProxy
from portable.testing.targets.gce import gce_harness


@pytest.fixture(scope="module")
def storage() -> Iterator[FakeGcs]:
    with FakeGcs() as storage:
        yield storage


@pytest.fixture
def proxy(storage: FakeGcs) -> Iterator[FaultProxy]:
    with FaultProxy(int(storage.endpoint.rpartition(":")[2])) as proxy:
        yield proxy


class TestComputeEngine(ComputeConformance):
    """Over sockets, by google-cloud-compute; answers come in pages of three."""

    @pytest.fixture
    def harness(
        self, storage: FakeGcs, proxy: FaultProxy, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[ComputeHarness]:
        folder: Path = tmp_path_factory.mktemp("account")
        with FakeGce(page=3) as server:
            yield gce_harness(server, storage, proxy, folder)
