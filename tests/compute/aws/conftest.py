"""EC2 whose machines run, once for all modules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from portable.testing.fakes.ec2 import FakeEc2
from portable.testing.faults import FaultProxy
from portable.testing.servers import ServerUnavailable, make_bucket, moto_server, skip_or_fail
from portable.testing.targets import ec2
from portable.testing.targets.s3 import isolate

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch)


@pytest.fixture(scope="session")
def fake_ec2() -> Iterator[FakeEc2]:
    """In front of moto, which has jobs' storage, too."""
    with ExitStack() as stack:
        try:
            moto = stack.enter_context(moto_server())
        except ServerUnavailable as error:
            skip_or_fail(error)
        make_bucket(moto, ec2.BUCKET)
        yield stack.enter_context(FakeEc2(moto.endpoint))


@pytest.fixture(scope="session")
def s3_proxy(fake_ec2: FakeEc2) -> Iterator[FaultProxy]:
    """In front of moto, for jobs' storage."""
    with FaultProxy(int(fake_ec2.moto.rpartition(":")[2])) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def ec2_client(fake_ec2: FakeEc2) -> Iterator[EC2Client]:
    """boto3's own client of it."""
    client = ec2.ec2_client(fake_ec2)
    yield client
    client.close()
