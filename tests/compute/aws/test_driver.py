"""What is EC2's own: images, disks, what a launch is sent with, and EC2's words for failures."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from portable.compute.driver import Launch
from portable.compute.needs import Needs
from portable.errors import (
    ConfigError,
    CredentialsExpired,
    EndpointRefused,
    InstanceNotFound,
    InvalidArgument,
    NoCapacity,
    PermissionDenied,
    PortableError,
    QuotaExceeded,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from portable.testing.fakes.ec2 import FakeEc2
from portable.testing.faults import Fault, FaultProxy
from portable_aws.compute import EC2Compute
from portable_aws.compute_images import architecture, parameter
from portable_aws.settings import Ec2Settings

UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current/{}/hvm/ebs-gp3/ami-id"


@pytest.fixture
def driver(fake_ec2: FakeEc2) -> Iterator[EC2Compute]:
    fake_ec2.clear()
    driver = EC2Compute(Ec2Settings(region="us-east-1", endpoint=fake_ec2.endpoint))
    yield driver
    driver.close()


def wanted(**changes: Any) -> Launch:
    usual: dict[str, Any] = {
        "name": f"pt-{uuid.uuid4().hex[:12]}",
        "token": str(uuid.uuid4()),
        "needs": Needs(),
        "machine": "t3.micro",
        "image": "ubuntu-24.04",
        "boot": "#!/bin/sh\npoweroff\n",
        "tags": {"portable": "1"},
        "lifetime": 60.0,
    }
    return Launch(**usual | changes)


def sent(fake_ec2: FakeEc2) -> dict[str, str]:
    """The fields of the last launch."""
    return dict([each for each in fake_ec2.requests if each.action == "RunInstances"][-1].asked)


class TestImages:
    """Plain names lead to parameters; the architecture is the type's."""

    @pytest.mark.parametrize(
        ("machine", "arch"),
        [
            *(
                (name, "amd64")
                for name in ("t3.micro", "m5.large", "c6i.xlarge", "r5dn.large", "g4dn.xlarge")
            ),
            *(
                (name, "amd64")
                for name in ("g5.xlarge", "g6e.12xlarge", "p5en.48xlarge", "g4ad.xlarge")
            ),
            *(
                (name, "amd64")
                for name in ("gr6.4xlarge", "inf2.xlarge", "trn1.2xlarge", "i3en.large")
            ),
            *((name, "amd64") for name in ("u-6tb1.112xlarge", "u7i-12tb.224xlarge", "mac1.metal")),
            *((name, "arm64") for name in ("t4g.nano", "m7g.large", "c7gn.xlarge", "x2gd.metal")),
            *(
                (name, "arm64")
                for name in ("g5g.xlarge", "im4gn.large", "is4gen.medium", "a1.large")
            ),
            *((name, "arm64") for name in ("hpc7g.16xlarge", "r8gd.large", "p6e-gb200.36xlarge")),
        ],
    )
    def test_architecture_is_in_the_name_of_the_type(self, machine: str, arch: str) -> None:
        assert architecture(machine) == arch

    def test_parameters_are_for_the_architecture(self) -> None:
        assert parameter("ubuntu-24.04", "t3.micro") == f"resolve:ssm:{UBUNTU.format('amd64')}"
        assert parameter("ubuntu-24.04", "t4g.micro") == f"resolve:ssm:{UBUNTU.format('arm64')}"
        assert "/deeplearning/ami/x86_64/" in parameter("deep-learning", "g5.xlarge")
        assert "/deeplearning/ami/arm64/" in parameter("deep-learning", "g5g.xlarge")

    def test_name_that_there_isnt(self) -> None:
        with pytest.raises(InvalidArgument, match=r"did you mean 'ubuntu-24.04'.*ami-") as caught:
            parameter("ubuntu-24.4", "t3.micro")
        assert "'deep-learning'" in str(caught.value)

    def test_id_that_there_isnt(self, driver: EC2Compute) -> None:
        with pytest.raises(InvalidArgument, match="ami-0123456789abcdef0"):
            driver.launch(wanted(image="ami-0123456789abcdef0"))


class TestLaunch:
    """What EC2 is asked for."""

    def test_machine_ends_its_own_bill_and_has_no_credentials(
        self,
        driver: EC2Compute,
        fake_ec2: FakeEc2,
    ) -> None:
        launch = wanted(needs=Needs(spot=True), tags={"portable": "1", "portable-job": "j"})
        driver.launch(launch)
        fields = sent(fake_ec2)
        assert fields["ClientToken"] == launch.token
        assert fields["InstanceInitiatedShutdownBehavior"] == "terminate"
        assert fields["MetadataOptions.HttpTokens"] == "required"
        assert fields["InstanceMarketOptions.SpotOptions.SpotInstanceType"] == "one-time"
        assert not any(
            re.match("IamInstanceProfile|KeyName|SubnetId|SecurityGroup", n) for n in fields
        )
        assert fields["BlockDeviceMapping.1.DeviceName"] == "/dev/sda1"
        assert fields["BlockDeviceMapping.1.Ebs.DeleteOnTermination"] == "true"
        assert "BlockDeviceMapping.1.Ebs.VolumeSize" not in fields
        for number, kind in (("1", "instance"), ("2", "volume")):
            specification = f"TagSpecification.{number}."
            assert fields[f"{specification}ResourceType"] == kind
            tags = {
                fields[f"{specification}Tag.{n}.Key"]: fields[f"{specification}Tag.{n}.Value"]
                for n in (1, 2, 3)
            }
            assert tags == {"portable": "1", "portable-job": "j", "Name": launch.name}

    def test_disk_is_as_large_as_asked_for(self, driver: EC2Compute, fake_ec2: FakeEc2) -> None:
        driver.launch(wanted(needs=Needs(disk_gib=77)))
        assert sent(fake_ec2)["BlockDeviceMapping.1.Ebs.VolumeSize"] == "77"
        assert sent(fake_ec2)["BlockDeviceMapping.1.Ebs.VolumeType"] == "gp3"

    def test_every_disk_of_an_image_ends_with_the_machine(
        self,
        driver: EC2Compute,
        fake_ec2: FakeEc2,
    ) -> None:
        """Images say otherwise of some."""
        first = driver.launch(wanted(boot="#!/bin/sh\nsleep 60\n"))
        made = driver.native.create_image(
            InstanceId=first.id,
            Name=uuid.uuid4().hex,
            BlockDeviceMappings=[
                {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 9, "DeleteOnTermination": False}}
            ],
        )
        driver.terminate(first.id)
        driver.launch(wanted(image=made["ImageId"], needs=Needs(disk_gib=50)))
        fields = sent(fake_ec2)
        devices = {
            n: fields[n] for n in fields if re.fullmatch(r"BlockDeviceMapping\.\d\.DeviceName", n)
        }
        described = driver.native.describe_images(ImageIds=[made["ImageId"]])["Images"][0]
        disks = [each["DeviceName"] for each in described["BlockDeviceMappings"]]
        assert sorted(devices.values()) == sorted({described["RootDeviceName"], *disks})
        assert fields["BlockDeviceMapping.1.DeviceName"] == described["RootDeviceName"]
        assert fields["BlockDeviceMapping.1.Ebs.VolumeSize"] == "50"
        for name in devices:
            assert fields[name.replace("DeviceName", "Ebs.DeleteOnTermination")] == "true"

    def test_network_is_as_configured(self, fake_ec2: FakeEc2) -> None:
        base = Ec2Settings(region="us-east-1", endpoint=fake_ec2.endpoint)
        driver = EC2Compute(base)
        subnet = driver.native.describe_subnets()["Subnets"][0]
        groups = driver.native.describe_security_groups(
            Filters=[{"Name": "vpc-id", "Values": [subnet["VpcId"]]}]
        )["SecurityGroups"]
        settings = Ec2Settings(
            region="us-east-1",
            endpoint=fake_ec2.endpoint,
            subnet=subnet["SubnetId"],
            security_group=groups[0]["GroupId"],
        )
        info = EC2Compute(settings).launch(wanted())
        assert sent(fake_ec2)["SubnetId"] == subnet["SubnetId"]
        assert sent(fake_ec2)["SecurityGroupId.1"] == groups[0]["GroupId"]
        assert info.zone == subnet["AvailabilityZone"]

    def test_key_pair_is_made_once(self, driver: EC2Compute, fake_ec2: FakeEc2) -> None:
        key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJZ2k1z0zqk2b5bDkz6lXq0w9X4J0i8n0Qy9QqXQ1m5Z me"
        driver.launch(wanted(ssh_key=key))
        name = sent(fake_ec2)["KeyName"]
        driver.launch(wanted(ssh_key=key))
        assert sent(fake_ec2)["KeyName"] == name
        pairs = driver.native.describe_key_pairs()["KeyPairs"]
        assert [pair["KeyName"] for pair in pairs].count(name) == 1

    def test_token_that_was_used_with_other_values_finds_its_machine(
        self,
        driver: EC2Compute,
        fake_ec2: FakeEc2,
    ) -> None:
        """The image's parameter may lead to a newer one when a launch is sent again."""
        launch = wanted(boot="#!/bin/sh\nsleep 60\n")
        first = driver.launch(launch)
        fake_ec2.refuse("IdempotentParameterMismatch")
        assert driver.launch(launch).id == first.id

    def test_old_token_of_a_forgotten_machine_starts_nothing(
        self,
        driver: EC2Compute,
        fake_ec2: FakeEc2,
    ) -> None:
        fake_ec2.refuse("IdempotentInstanceTerminated")
        with pytest.raises(PortableError, match="IdempotentInstanceTerminated") as caught:
            driver.launch(wanted())
        assert not caught.value.retryable


class TestSettings:
    """Where machines are put."""

    def test_no_region_is_no_default_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("AWS_DEFAULT_REGION")
        with pytest.raises(ConfigError, match="'region'"):
            EC2Compute(Ec2Settings())

    def test_region_of_boto3s_own_chain(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        assert EC2Compute(Ec2Settings()).capabilities.region == "eu-west-1"

    def test_endpoint_of_the_environment_is_checked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", "http://ec2.example.com")
        with pytest.raises(EndpointRefused):
            EC2Compute(Ec2Settings(region="us-east-1"))

    def test_ids_are_ids(self) -> None:
        problems = Ec2Settings(
            region="us-east-1", subnet="mine", security_group="default"
        ).problems()
        assert len(problems) == 2


class TestErrors:
    """EC2's codes, as docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html has them."""

    @pytest.mark.parametrize(
        ("code", "status", "kind", "retryable", "ambiguous"),
        [
            ("VcpuLimitExceeded", 400, QuotaExceeded, False, False),
            ("InstanceLimitExceeded", 400, QuotaExceeded, False, False),
            ("MaxSpotInstanceCountExceeded", 400, QuotaExceeded, False, False),
            ("InsufficientInstanceCapacity", 500, NoCapacity, True, False),
            ("UnfulfillableCapacity", 500, NoCapacity, True, False),
            ("SpotMaxPriceTooLow", 400, NoCapacity, True, False),
            ("InsufficientFreeAddressesInSubnet", 400, NoCapacity, True, False),
            ("RequestLimitExceeded", 503, Throttled, True, False),
            ("InternalError", 500, Unavailable, True, True),
            ("Unavailable", 503, Unavailable, True, True),
            ("UnheardOf", 502, Unavailable, True, True),
            ("Unsupported", 400, InvalidArgument, False, False),
            ("InvalidParameterValue", 400, InvalidArgument, False, False),
            ("InvalidSubnetID.NotFound", 400, ConfigError, False, False),
            ("InvalidGroup.NotFound", 400, ConfigError, False, False),
            ("UnauthorizedOperation", 403, PermissionDenied, False, False),
            ("OptInRequired", 401, PermissionDenied, False, False),
            ("AuthFailure", 401, Unauthenticated, False, False),
            ("ExpiredToken", 400, CredentialsExpired, False, False),
        ],
    )
    def test_code_has_its_meaning(
        self,
        driver: EC2Compute,
        fake_ec2: FakeEc2,
        code: str,
        status: int,
        kind: type[PortableError],
        retryable: bool,
        ambiguous: bool,
    ) -> None:
        fake_ec2.refuse(code, status=status)
        with pytest.raises(PortableError) as caught:
            driver.launch(wanted())
        assert type(caught.value) is kind
        assert (caught.value.retryable, caught.value.ambiguous) == (retryable, ambiguous)

    @pytest.mark.parametrize("code", ["VPCIdNotSpecified", "MissingInput", "InvalidParameterValue"])
    def test_missing_default_vpc_says_what_to_set(
        self,
        driver: EC2Compute,
        fake_ec2: FakeEc2,
        code: str,
    ) -> None:
        fake_ec2.refuse(code, "No default VPC for this user")
        with pytest.raises(ConfigError, match="set 'subnet'"):
            driver.launch(wanted())

    def test_starting_what_there_isnt(self, driver: EC2Compute) -> None:
        with pytest.raises(InstanceNotFound):
            driver.start("i-0123456789abcdef0")

    @pytest.mark.parametrize("at", [10, 400, -5])
    def test_answer_that_breaks_off_is_none(self, fake_ec2: FakeEc2, at: int) -> None:
        """With the right length in its head, too."""
        fake_ec2.clear()
        port = int(fake_ec2.endpoint.rpartition(":")[2])
        with FaultProxy(port) as proxy:
            driver = EC2Compute(Ec2Settings(region="us-east-1", endpoint=proxy.endpoint))
            for kind in ("truncate", "wrong_length"):
                launch = wanted()
                proxy.add(Fault(kind, method="POST", at=at))
                with pytest.raises(Unavailable) as caught:
                    driver.launch(launch)
                assert caught.value.ambiguous
                assert driver.launch(launch).name == launch.name
            driver.close()
