"""The suite over drivers that are broken on purpose; `test_breaks` runs it and wants it red."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from portable.testing import ComputeConformance, ComputeHarness
from portable.testing.compute.breaks import COMPUTE_BREAKS, broken
from portable.testing.targets.ec2 import ec2_harness

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

    from portable.testing.fakes.ec2 import FakeEc2
    from portable.testing.faults import FaultProxy

SOUND = "sound"


def class_of(name: str) -> str:
    """The name of the class that runs the suite with one break."""
    return "Test" + name.title().replace("_", "")


def _suite(name: str) -> type[ComputeConformance]:
    class Suite(ComputeConformance):
        @pytest.fixture
        def harness(
            self, fake_ec2: FakeEc2, ec2_client: EC2Client, s3_proxy: FaultProxy
        ) -> ComputeHarness:
            harness = ec2_harness(fake_ec2, ec2_client, s3_proxy)
            if name == SOUND:
                return harness
            return broken(replace(harness, patience=1.0), name)  # what is lost never comes

    Suite.__name__ = Suite.__qualname__ = class_of(name)
    return Suite


for _name in [*COMPUTE_BREAKS, SOUND]:
    globals()[class_of(_name)] = _suite(_name)
