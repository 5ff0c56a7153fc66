"""A launch as EC2 wants it, and a machine as EC2 tells of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from portable.compute.driver import Launch
from portable.compute.types import InstanceInfo, InstanceState
from portable_aws.answers import Answer
from portable_aws.settings import Ec2Settings

NAME_TAG = "Name"
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
STATES: Mapping[str, InstanceState] = {
    "pending": "pending",
    "running": "running",
    "stopping": "stopping",
    "stopped": "stopped",
    "shutting-down": "terminating",
    "terminated": "terminated",
}
BILLED = ("pending", "running")


def launch_request(
    wanted: Launch, settings: Ec2Settings, *, image: str, disks: Sequence[str], key: str | None
) -> dict[str, Any]:
    """What RunInstances is sent.

    Args:
        image: An id, or a parameter that leads to one.
        disks: The devices of the image's disks, the one that it starts from first.
        key: The name of a key pair that may log in.
    """
    tags = [{"Key": name, "Value": value} for name, value in wanted.tags.items()]
    tags.append({"Key": NAME_TAG, "Value": wanted.name})
    request: dict[str, Any] = {
        "ImageId": image,
        "InstanceType": wanted.machine,
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": wanted.token,
        "UserData": wanted.boot,
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {"HttpEndpoint": "enabled", "HttpTokens": "required"},
        "BlockDeviceMappings": [
            {"DeviceName": device, "Ebs": {"DeleteOnTermination": True}} for device in disks
        ],
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume")
        ],
    }
    if wanted.needs.disk_gib is not None:
        first = request["BlockDeviceMappings"][0]["Ebs"]
        first |= {"VolumeSize": wanted.needs.disk_gib, "VolumeType": "gp3"}
    if wanted.needs.spot:
        request["InstanceMarketOptions"] = {
            "MarketType": "spot",
            "SpotOptions": {
                "SpotInstanceType": "one-time",
                "InstanceInterruptionBehavior": "terminate",
            },
        }
    if settings.subnet is not None:
        request["SubnetId"] = settings.subnet
    if settings.security_group is not None:
        request["SecurityGroupIds"] = [settings.security_group]
    if key is not None:
        request["KeyName"] = key
    return request


def key_pair(public_key: str) -> str:
    """The name of a key pair: the same for the same key."""
    return f"portable-{hashlib.sha256(public_key.strip().encode()).hexdigest()[:20]}"


def disks_of(image: Mapping[str, Any]) -> list[str]:
    """The devices of an image's disks, the one that it starts from first."""
    root: str = image["RootDeviceName"]
    mapped = image.get("BlockDeviceMappings", ())
    return [
        root,
        *(each["DeviceName"] for each in mapped if "Ebs" in each and each["DeviceName"] != root),
    ]


def instance_info(instance: Mapping[str, Any]) -> InstanceInfo:
    """One machine of an answer."""
    told = Answer(instance)
    raw: str = told["State"]["Name"]
    tags = {each["Key"]: each.get("Value", "") for each in told.get("Tags", ())}
    return InstanceInfo(
        id=told["InstanceId"],
        name=tags.pop(NAME_TAG, ""),
        state=STATES[raw],
        raw_state=raw,
        machine=told["InstanceType"],
        zone=told.get("Placement", {}).get("AvailabilityZone", ""),
        address=told.get("PublicIpAddress", ""),
        spot=told.get("InstanceLifecycle") == "spot",
        bills=raw in BILLED,
        tags={name: value for name, value in tags.items() if not name.startswith("aws:")},
        created=told["LaunchTime"].astimezone(UTC),
    )
