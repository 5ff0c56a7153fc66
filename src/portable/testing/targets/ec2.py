"""Machines of the aws provider, on `FakeEc2` in front of moto."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from portable.compute import Compute
from portable.storage import Bucket
from portable.testing.compute.harness import ComputeHarness, ComputeOracle, Refusal
from portable.testing.fakes.ec2 import FakeEc2
from portable.testing.fakes.machines import Boot
from portable.testing.faults import FaultProxy
from portable.testing.targets.s3 import REGION, open_s3_bucket
from portable_aws.compute import EC2Compute
from portable_aws.settings import Ec2Settings

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

BUCKET = "jobs"  # on the same moto
MACHINE = "t3.micro"
ENDED = ("shutting-down", "terminated")
REFUSALS: Mapping[Refusal, tuple[str, int]] = {
    "quota": ("VcpuLimitExceeded", 400),
    "capacity": ("InsufficientInstanceCapacity", 500),
    "throttled": ("RequestLimitExceeded", 503),
    "denied": ("UnauthorizedOperation", 403),
    "broken": ("InternalError", 500),
}


class Ec2Oracle(ComputeOracle):
    """The fake's machines, and moto's through boto3."""

    def __init__(self, server: FakeEc2, client: EC2Client) -> None:
        self._server = server
        self._client = client

    def count(self, name: str) -> int:
        answer = self._client.describe_instances(Filters=[{"Name": "tag:Name", "Values": [name]}])
        found = [each for group in answer["Reservations"] for each in group["Instances"]]
        return sum(each["State"]["Name"] not in ENDED for each in found)

    def alive(self, id: str) -> bool:
        return self._server.machine(id).is_on

    def kill(self, id: str) -> None:
        self._server.kill(id)

    def hang(self, id: str) -> None:
        self._server.machine(id).hang()

    def preempt(self, id: str, notice: float) -> None:
        self._server.preempt(id, notice)

    def refuse(self, why: Refusal, times: int = 1) -> None:
        code, status = REFUSALS[why]
        self._server.refuse(code, status=status, times=times)

    def lose_answer(self) -> None:
        self._server.lose_answer()

    def hide(self, looks: int) -> None:
        self._server.hide(looks)

    def next(self, boot: Boot) -> None:
        self._server.host.next(boot)

    def keys(self, id: str) -> str:
        (group,) = self._client.describe_instances(InstanceIds=[id])["Reservations"]
        name = group["Instances"][0].get("KeyName")
        if name is None:
            return ""
        (pair,) = self._client.describe_key_pairs(KeyNames=[name], IncludePublicKey=True)[
            "KeyPairs"
        ]
        return pair["PublicKey"]

    def left_behind(self) -> list[str]:
        volumes = self._client.describe_volumes()["Volumes"]
        return [each["VolumeId"] for each in volumes]


def ec2_client(server: FakeEc2, **settings: Any) -> EC2Client:
    """boto3's client of the fake, without `portable`."""
    import boto3

    session: Any = boto3.session.Session()
    client: EC2Client = session.client(
        "ec2",
        endpoint_url=server.endpoint,
        region_name=REGION,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        **settings,
    )
    return client


def open_ec2_compute(server: FakeEc2, storage: Callable[[], Bucket], **settings: Any) -> Compute:
    """Jobs on the fake, kept in *storage*."""
    wanted = Ec2Settings(region=REGION, endpoint=server.endpoint, **settings)
    return Compute(partial(EC2Compute, wanted), wanted, provider="aws", storage=storage)


def _open_storage(proxy: FaultProxy, folder: str) -> Bucket:
    return open_s3_bucket(BUCKET, prefix=folder, region=REGION, endpoint=proxy.endpoint)


def ec2_harness(server: FakeEc2, client: EC2Client, proxy: FaultProxy) -> ComputeHarness:
    """Machines on the fake; what an earlier case ordered to go wrong is forgotten.

    Args:
        proxy: In front of moto, for jobs' storage.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    server.clear()
    proxy.clear()
    storage = partial(_open_storage, proxy, f"jobs-{uuid.uuid4().hex[:12]}")
    return ComputeHarness(
        connect=partial(EC2Compute, Ec2Settings(region=REGION, endpoint=server.endpoint)),
        oracle=Ec2Oracle(server, client),
        open_compute=partial(open_ec2_compute, server, storage),
        storage=storage(),
        proxy=proxy,
        machine=MACHINE,
        image="ubuntu-24.04",
        unknown_id="i-0123456789abcdef0",
        sdk_errors=(BotoCoreError, ClientError),
    )
