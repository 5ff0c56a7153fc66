"""Azure's machines do what every place's do, as far as their fake shows; storage is on Azurite."""

from __future__ import annotations

import pytest

from portable.testing import ComputeConformance, ComputeHarness
from portable.testing.fakes.arm import FakeArm
from portable.testing.faults import FaultProxy
from portable.testing.servers import AzuriteServer
from portable.testing.targets.arm import arm_harness
from tests.compute.azure.conftest import CONTAINER


class TestAzureMachines(ComputeConformance):
    """Over sockets, by azure-mgmt-compute; answers come in pages of three."""

    @pytest.fixture
    def harness(
        self,
        server: FakeArm,
        storage: AzuriteServer,
        shared_proxy: FaultProxy,
        monkeypatch: pytest.MonkeyPatch,
    ) -> ComputeHarness:
        monkeypatch.setenv("AZURE_STORAGE_KEY", storage.key)
        shared_proxy.clear()
        return arm_harness(server, storage, CONTAINER, shared_proxy)
