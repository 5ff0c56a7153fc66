"""The suite over queues that are broken on purpose; `test_breaks` runs it and wants it red."""

from __future__ import annotations

import pytest

from portable.testing import QueueConformance, QueueHarness
from portable.testing.queues import base
from portable.testing.queues.breaks import QUEUE_BREAKS, broken
from portable.testing.targets.memory_queue import memory_queue_harness

SOUND = "sound"


def class_of(name: str) -> str:
    """The name of the class that runs the suite with one break."""
    return "Test" + name.title().replace("_", "")


def _suite(name: str) -> type[QueueConformance]:
    class Suite(QueueConformance):
        @pytest.fixture
        def harness(self, monkeypatch: pytest.MonkeyPatch) -> QueueHarness:
            monkeypatch.setattr(base, "PATIENCE_SECONDS", 1.5)  # what is lost never comes
            harness = memory_queue_harness()
            return harness if name == SOUND else broken(harness, name)

    Suite.__name__ = Suite.__qualname__ = class_of(name)
    return Suite


for _name in [*QUEUE_BREAKS, SOUND]:
    globals()[class_of(_name)] = _suite(_name)
