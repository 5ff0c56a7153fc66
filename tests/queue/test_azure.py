"""Queues on Azure Queue Storage conform, on Azurite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from portable.testing import QueueConformance, QueueHarness
from portable.testing.servers import AzuriteServer, azurite, required
from portable.testing.targets.azure import isolate
from portable.testing.targets.azure_queue import azure_queue_harness


@pytest.fixture(scope="module")
def server() -> Iterator[AzuriteServer]:
    with required(azurite()) as started:
        yield started


class TestAzurite(QueueConformance):
    """Microsoft's own emulator; its clock can't be moved."""

    @pytest.fixture
    def harness(self, server: AzuriteServer, monkeypatch: pytest.MonkeyPatch) -> QueueHarness:
        """A queue of a new name."""
        isolate(monkeypatch, server)
        return azure_queue_harness(server)
