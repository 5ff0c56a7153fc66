"""Machines on EC2 conform, on moto with what it leaves out in front."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from portable.testing import ComputeConformance, ComputeHarness
from portable.testing.fakes.ec2 import FakeEc2
from portable.testing.faults import FaultProxy
from portable.testing.targets.ec2 import ec2_harness

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client


class TestEc2(ComputeConformance):
    """Over a socket, by boto3."""

    @pytest.fixture
    def harness(
        self, fake_ec2: FakeEc2, ec2_client: EC2Client, s3_proxy: FaultProxy
    ) -> ComputeHarness:
        """The same servers for each case; machines have names of their own."""
        return ec2_harness(fake_ec2, ec2_client, s3_proxy)
