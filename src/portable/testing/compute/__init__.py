"""The behaviour that every compute adapter has to show, as test cases.

`ComputeConformance` is subclassed, given a `harness`, and run by pytest. Cases can be added to a
subclass and never replaced: what a provider can't do is one of its `ComputeCapabilities`, and the
cases test both answers to each.
"""

from __future__ import annotations

from inspect import getattr_static
from typing import Any

from portable.testing.compute.again import AgainCases
from portable.testing.compute.capabilities import CapabilityCases
from portable.testing.compute.ending import EndCases
from portable.testing.compute.faults import FaultCases
from portable.testing.compute.finding import FindCases
from portable.testing.compute.harness import CannotHappen, ComputeHarness, ComputeOracle
from portable.testing.compute.jobs import JobCases
from portable.testing.compute.launching import LaunchCases
from portable.testing.compute.losing import LossCases
from portable.testing.compute.orphans import OrphanCases
from portable.testing.compute.quirks import COMPUTE_QUIRKS
from portable.testing.compute.refusals import RefusalCases
from portable.testing.conformance import cases_of

__all__ = [
    "COMPUTE_QUIRKS",
    "CannotHappen",
    "ComputeConformance",
    "ComputeHarness",
    "ComputeOracle",
]


class ComputeConformance(
    LaunchCases,
    FindCases,
    EndCases,
    AgainCases,
    RefusalCases,
    CapabilityCases,
    JobCases,
    LossCases,
    FaultCases,
    OrphanCases,
):
    """What an adapter has to do; a subclass has a fixture `harness` that returns a `ComputeHarness`."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, case in COMPUTE_SUITE.items():
            if getattr_static(cls, name, None) is not case:
                raise TypeError(
                    f"{cls.__name__} replaces {name!r} of the conformance suite. Cases are added, "
                    f"never replaced: what a provider can't do is a capability of its driver, and "
                    f"a fault of a stand-in server is one of `ComputeHarness.quirks`"
                )


COMPUTE_SUITE = cases_of(ComputeConformance)
