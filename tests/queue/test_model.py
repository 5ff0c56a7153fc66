"""A queue in memory does what the model of a queue does."""

from __future__ import annotations

import unittest
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, settings

from portable.queue import Queue
from portable.testing import queue_state_machine
from portable.testing.queues.around import around
from portable.testing.queues.breaks import QUEUE_BREAKS
from portable.testing.targets.memory_queue import open_frozen_queue

TestMemoryModel = queue_state_machine(open_frozen_queue, examples=60)


@pytest.mark.parametrize("name", ["acks_nothing", "old_receipt_acks", "hands_back_at_once"])
def test_model_notices(name: str) -> None:
    """A driver that is broken differs from it."""

    def open_broken() -> tuple[Queue, Callable[[float], None]]:
        queue, advance = open_frozen_queue()
        return around(queue, QUEUE_BREAKS[name]), advance

    case: Any = queue_state_machine(open_broken, examples=400)
    # The first difference is enough; to find the shortest takes a minute. The same calls each
    # time: whether chance finds it isn't the question.
    case.settings = settings(case.settings, phases=[Phase.generate], derandomize=True)
    result = unittest.TestResult()
    case("runTest").run(result)
    assert not result.wasSuccessful()
