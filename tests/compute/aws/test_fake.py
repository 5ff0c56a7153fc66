"""`FakeEc2` does what EC2 does and moto doesn't; spoken to by boto3, without `portable`."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from portable.testing.fakes.ec2 import FakeEc2
from portable.testing.fakes.machines import Boot

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

UBUNTU = (
    "resolve:ssm:/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
)
COUNTS = "#!/bin/sh\necho boot >> boots\nsleep 60\n"


def run(client: EC2Client, script: str = COUNTS, **more: Any) -> str:
    """Launch one; its id."""
    asked: dict[str, Any] = {"ImageId": UBUNTU, "InstanceType": "t3.micro"}
    answer = client.run_instances(MinCount=1, MaxCount=1, UserData=script, **(asked | more))
    return answer["Instances"][0]["InstanceId"]


def state(client: EC2Client, id: str) -> str:
    (group,) = client.describe_instances(InstanceIds=[id])["Reservations"]
    return group["Instances"][0]["State"]["Name"]


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 15
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def code_of(launch: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as caught:
        launch()
    code: str = caught.value.response["Error"]["Code"]
    return code


@pytest.mark.parametrize(("behaviour", "end"), [("terminate", "terminated"), ("stop", "stopped")])
def test_poweroff_ends_as_was_asked_for(
    fake_ec2: FakeEc2, ec2_client: EC2Client, behaviour: Any, end: str
) -> None:
    script = "#!/bin/sh\necho up; poweroff\n"
    id = run(ec2_client, script, InstanceInitiatedShutdownBehavior=behaviour)
    until(lambda: state(ec2_client, id) == end)
    assert fake_ec2.machine(id).console == "up\n"


def test_machine_stops_by_poweroff_unless_asked_otherwise(ec2_client: EC2Client) -> None:
    """EC2's default, which costs: the disk stays."""
    id = run(ec2_client, "#!/bin/sh\npoweroff\n")
    until(lambda: state(ec2_client, id) == "stopped")


def test_user_data_runs_once(fake_ec2: FakeEc2, ec2_client: EC2Client) -> None:
    """Not at the next boot, as cloud-init has it; the disk is as it was."""
    id = run(ec2_client)
    boots = fake_ec2.machine(id).folder / "boots"
    until(boots.exists)
    ec2_client.stop_instances(InstanceIds=[id])
    until(lambda: not fake_ec2.machine(id).is_on)
    ec2_client.start_instances(InstanceIds=[id])
    until(lambda: fake_ec2.machine(id).is_on)
    ec2_client.reboot_instances(InstanceIds=[id])
    assert state(ec2_client, id) == "running"
    time.sleep(0.2)
    assert boots.read_text() == "boot\n"
    ec2_client.terminate_instances(InstanceIds=[id])
    until(lambda: not fake_ec2.machine(id).is_on)
    assert state(ec2_client, id) == "terminated"


def test_client_token_counts(fake_ec2: FakeEc2, ec2_client: EC2Client) -> None:
    token = str(uuid.uuid4())
    before = len(fake_ec2.host.machines)
    first = run(ec2_client, ClientToken=token)
    assert run(ec2_client, ClientToken=token) == first
    assert len(fake_ec2.host.machines) == before + 1
    other = code_of(lambda: run(ec2_client, ClientToken=token, InstanceType="t3.nano"))
    assert other == "IdempotentParameterMismatch"
    ec2_client.terminate_instances(InstanceIds=[first])
    assert code_of(lambda: run(ec2_client, ClientToken=token)) == "IdempotentInstanceTerminated"


def test_what_ec2_refuses_and_moto_takes(fake_ec2: FakeEc2, ec2_client: EC2Client) -> None:
    before = len(fake_ec2.host.machines)
    assert code_of(lambda: run(ec2_client, InstanceType="t3.enormous")) == "InvalidParameterValue"
    assert (
        code_of(lambda: run(ec2_client, ImageId="ami-0123456789abcdef0")) == "InvalidAMIID.NotFound"
    )
    unknown = "resolve:ssm:/aws/service/none"
    assert code_of(lambda: run(ec2_client, ImageId=unknown)) == "InvalidParameterValue"
    assert code_of(lambda: run(ec2_client, "#" * 16385)) == "InvalidParameterValue"
    assert len(fake_ec2.host.machines) == before
    run(ec2_client, InstanceType="p3.8xlarge")


def test_faults_on_demand(fake_ec2: FakeEc2, ec2_client: EC2Client) -> None:
    fake_ec2.clear()
    fake_ec2.refuse("VcpuLimitExceeded", "you have 0", times=2)
    assert [code_of(lambda: run(ec2_client)) for _ in range(2)] == ["VcpuLimitExceeded"] * 2
    fake_ec2.hide(1)
    fake_ec2.host.next(Boot(runs=False))
    id = run(ec2_client)
    assert code_of(lambda: state(ec2_client, id)) == "InvalidInstanceID.NotFound"
    assert state(ec2_client, id) == "running"
    assert fake_ec2.machine(id).is_on
    fake_ec2.kill(id)
    assert state(ec2_client, id) == "terminated"
    assert [each.action for each in fake_ec2.requests].count("RunInstances") == 3
