"""The behaviour that every queue adapter has to show, as test cases.

`QueueConformance` is subclassed, given a `harness`, and run by pytest. Cases can be added to a
subclass and never replaced: what a provider can't do is one of its `QueueCapabilities`, and the
cases test both answers to each.
"""

from __future__ import annotations

from inspect import getattr_static
from typing import Any

from portable.testing.conformance import cases_of
from portable.testing.queues.attributes import AttributeCases
from portable.testing.queues.batches import BatchCases
from portable.testing.queues.bodies import BodyCases
from portable.testing.queues.consuming import ConsumeCases
from portable.testing.queues.dead_letters import DeadLetterCases
from portable.testing.queues.delays import DelayCases
from portable.testing.queues.foreign import ForeignCases
from portable.testing.queues.groups import GroupCases
from portable.testing.queues.harness import QueueHarness, QueueOracle
from portable.testing.queues.leases import LeaseCases
from portable.testing.queues.lifecycle import LifecycleCases
from portable.testing.queues.processes import QueueProcessCases
from portable.testing.queues.quirks import QUEUE_QUIRKS

__all__ = ["QUEUE_QUIRKS", "QueueConformance", "QueueHarness", "QueueOracle"]


class QueueConformance(
    BodyCases,
    AttributeCases,
    LeaseCases,
    BatchCases,
    DelayCases,
    DeadLetterCases,
    ConsumeCases,
    GroupCases,
    ForeignCases,
    LifecycleCases,
    QueueProcessCases,
):
    """What an adapter has to do; a subclass has a fixture `harness` that returns a `QueueHarness`."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, case in QUEUE_SUITE.items():
            if getattr_static(cls, name, None) is not case:
                raise TypeError(
                    f"{cls.__name__} replaces {name!r} of the conformance suite. Cases are added, "
                    f"never replaced: what a provider can't do is a capability of its driver, and "
                    f"a fault of a stand-in server is one of `QueueHarness.quirks`"
                )


QUEUE_SUITE = cases_of(QueueConformance)
