"""A cluster's Jobs do what every place does, as far as its fake shows; storage is moto's S3."""

from __future__ import annotations

import pytest

from portable.testing import ComputeConformance, ComputeHarness
from portable.testing.fakes.kubernetes import FakeKubernetes
from portable.testing.faults import FaultProxy
from portable.testing.targets.kubernetes import kubernetes_harness


class TestKubernetes(ComputeConformance):
    """Over sockets, by the official client; answers come in pages of three."""

    @pytest.fixture
    def harness(self, server: FakeKubernetes, proxy: FaultProxy) -> ComputeHarness:
        proxy.clear()
        return kubernetes_harness(server, proxy)
