"""Machines on EC2."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from portable.compute.driver import Launch
from portable.compute.types import InstanceInfo
from portable.errors import (
    AlreadyExists,
    InstanceNotFound,
    InvalidArgument,
    PortableError,
    Unavailable,
)
from portable.spelling import did_you_mean, listed
from portable_aws.answers import Answer
from portable_aws.client import make_compute_client
from portable_aws.compute_codes import EC2
from portable_aws.compute_images import ROOT_DEVICE, is_id, parameter
from portable_aws.compute_shapes import NAME_TAG, disks_of, instance_info, key_pair, launch_request
from portable_aws.errors import translated
from portable_aws.limits import compute_capabilities
from portable_aws.settings import Ec2Settings

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

PAGE = 1000  # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
# A machine may not be found yet just after its launch: "eventual consistency",
# https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
NEW_SECONDS = 60.0


class EC2Compute:
    """`ComputeDriver` over the machines of one region."""

    def __init__(self, settings: Ec2Settings) -> None:
        self._client = make_compute_client(settings)
        self._settings = settings
        self._launched: dict[str, float] = {}
        self.capabilities = compute_capabilities(self._client.meta.region_name)

    @property
    def native(self) -> EC2Client:
        return self._client

    def launch(self, wanted: Launch) -> InstanceInfo:
        if is_id(wanted.image):
            image, disks = wanted.image, self._disks(wanted.image)
        else:
            image, disks = parameter(wanted.image, wanted.machine), [ROOT_DEVICE]
        key = self._key(wanted.ssh_key) if wanted.ssh_key else None
        request = launch_request(wanted, self._settings, image=image, disks=disks, key=key)
        try:
            (instance,) = self._ask("run_instances", **request)["Instances"]
        except AlreadyExists:  # the token was used, and that machine has ended
            if (found := next(self.list({NAME_TAG: wanted.name}), None)) is None:
                raise  # EC2 forgets it after about an hour
            return found
        except InvalidArgument as refusal:
            if "instance type" in refusal.message.lower().replace("instancetype", "instance type"):
                refusal.message += self._what_there_is(wanted.machine)
            raise
        info = instance_info(instance)
        self._launched[info.id] = time.monotonic()
        return info

    def get(self, id: str) -> InstanceInfo | None:
        try:
            answer = self._ask("describe_instances", InstanceIds=[id])
        except InstanceNotFound:
            return None
        return next(_instances(answer), None)

    def list(self, tags: Mapping[str, str]) -> Iterator[InstanceInfo]:
        filters = [{"Name": f"tag:{name}", "Values": [value]} for name, value in tags.items()]
        for answer in self._pages("describe_instances", Filters=filters):
            yield from _instances(answer)

    def start(self, id: str) -> None:
        self._ask("start_instances", InstanceIds=[id])

    def stop(self, id: str) -> None:
        self._ask("stop_instances", InstanceIds=[id])

    def terminate(self, id: str) -> None:
        try:
            self._ask("terminate_instances", InstanceIds=[id])
        except InstanceNotFound as error:
            if time.monotonic() - self._launched.get(id, -math.inf) < NEW_SECONDS:
                raise Unavailable(
                    f"the machine was launched just now: {error.message}", retry_after=1.0
                ) from error
        self._launched.pop(id, None)

    def close(self) -> None:
        self._client.close()

    def _disks(self, image: str) -> Sequence[str]:
        for described in self._ask("describe_images", ImageIds=[image])["Images"]:
            return disks_of(Answer(described))
        raise InvalidArgument(f"there is no image {image!r} here, or it isn't shared with you")

    def _what_there_is(self, machine: str) -> str:
        """The types that this region has, as far as they are like *machine*, for an error's text."""
        try:
            known = set(self._types())
        except PortableError:  # these credentials may not ask; the refusal counts
            return ""
        family = machine.partition(".")[0]
        near = [each for each in known if each.partition(".")[0] == family]
        shown = near or {each.partition(".")[0] for each in known}
        kind = "types" if near else "families"
        region = self.capabilities.region
        return f"{did_you_mean(machine, known)}; {kind} in {region}: {listed(shown)}"

    def _types(self) -> Iterator[str]:
        for answer in self._pages("describe_instance_type_offerings"):
            yield from (each["InstanceType"] for each in answer["InstanceTypeOfferings"])

    def _pages(self, operation: str, **asked: Any) -> Iterator[Answer]:
        while True:
            answer = self._ask(operation, MaxResults=PAGE, **asked)
            yield answer
            if not (token := answer.get("NextToken")):
                return
            asked["NextToken"] = token

    def _key(self, public_key: str) -> str:
        """A key pair of this key; one of its name is there already or is made."""
        name = key_pair(public_key)
        with suppress(AlreadyExists):
            self._ask("import_key_pair", KeyName=name, PublicKeyMaterial=public_key.encode())
        return name

    def _ask(self, operation: str, **asked: Any) -> Answer:
        with translated(EC2):
            return Answer(getattr(self._client, operation)(**asked))


def _instances(answer: Answer) -> Iterator[InstanceInfo]:
    for reservation in answer.get("Reservations", ()):
        for instance in reservation["Instances"]:
            yield instance_info(instance)
