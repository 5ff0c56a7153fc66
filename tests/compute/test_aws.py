"""Machines on EC2 conform, on moto with what it leaves out in front."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from portable.testing import ComputeConformance, ComputeHarness
from portable.testing.fakes.ec2 import FakeEc2
from portable.testing.servers import ServerUnavailable, moto_server, skip_or_fail
from portable.testing.targets.ec2 import ec2_client, ec2_harness
from portable.testing.targets.s3 import isolate

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch)


@pytest.fixture(scope="module")
def server() -> Iterator[FakeEc2]:
    with ExitStack() as stack:
        try:
            moto = stack.enter_context(moto_server())
        except ServerUnavailable as error:
            skip_or_fail(error)
        yield stack.enter_context(FakeEc2(moto.endpoint))


@pytest.fixture(scope="module")
def client(server: FakeEc2) -> Iterator[EC2Client]:
    client = ec2_client(server)
    yield client
    client.close()


class TestEc2(ComputeConformance):
    """Over a socket, by boto3."""

    @pytest.fixture
    def harness(self, server: FakeEc2, client: EC2Client) -> ComputeHarness:
        """The same servers for each case; machines have names of their own."""
        return ec2_harness(server, client)
