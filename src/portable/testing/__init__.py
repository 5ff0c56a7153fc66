"""Testing with `portable`: fixtures, stand-in servers, and the conformance suite for adapters.

A new adapter shows that it behaves as the others do::

    class TestNimbus(StorageConformance):
        @pytest.fixture
        def harness(self, nimbus_bucket):
            return Harness(
                open_bucket=lambda prefix: portable.open_bucket(f"nimbus://{nimbus_bucket}/{prefix}"),
                oracle=NimbusOracle(nimbus_bucket),
            )
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portable.testing.compute import (
        COMPUTE_QUIRKS,
        ComputeConformance,
        ComputeHarness,
        ComputeOracle,
    )
    from portable.testing.conformance import QUIRKS, Quirk, StorageConformance
    from portable.testing.emulators import emulate
    from portable.testing.harness import Harness, Oracle
    from portable.testing.queues import (
        QUEUE_QUIRKS,
        QueueConformance,
        QueueHarness,
        QueueOracle,
    )
    from portable.testing.queues.stateful import QueueMachine, queue_state_machine
    from portable.testing.stateful import StorageMachine, storage_state_machine

__all__ = [
    "COMPUTE_QUIRKS",
    "QUEUE_QUIRKS",
    "QUIRKS",
    "ComputeConformance",
    "ComputeHarness",
    "ComputeOracle",
    "Harness",
    "Oracle",
    "QueueConformance",
    "QueueHarness",
    "QueueMachine",
    "QueueOracle",
    "Quirk",
    "StorageConformance",
    "StorageMachine",
    "emulate",
    "queue_state_machine",
    "storage_state_machine",
]

_HOMES = {
    "COMPUTE_QUIRKS": "compute",
    "QUEUE_QUIRKS": "queues",
    "QUIRKS": "conformance",
    "ComputeConformance": "compute",
    "ComputeHarness": "compute",
    "ComputeOracle": "compute",
    "Harness": "harness",
    "Oracle": "harness",
    "QueueConformance": "queues",
    "QueueHarness": "queues",
    "QueueMachine": "queues.stateful",
    "QueueOracle": "queues",
    "Quirk": "conformance",
    "StorageConformance": "conformance",
    "StorageMachine": "stateful",
    "emulate": "emulators",
    "queue_state_machine": "queues.stateful",
    "storage_state_machine": "stateful",
}


def __getattr__(name: str) -> object:
    # Lazily: the pytest plugin is in this package, and is loaded in every test run.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found
