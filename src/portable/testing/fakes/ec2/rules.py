"""What EC2 refuses in a launch and moto takes."""

from __future__ import annotations

import base64
import re

from portable.testing.fakes.ec2.query import Query, Refused, send, text

SSM = "resolve:ssm:"
PUBLIC = re.compile(
    r"/aws/service/(canonical/ubuntu/server/(22\.04|24\.04)/stable/current/(amd64|arm64)/hvm/ebs-gp[23]"
    r"|deeplearning/ami/(x86_64|arm64)/base-oss-nvidia-driver-gpu-ubuntu-24\.04/latest)/ami-id"
)
# Of moto's images, an Ubuntu on /dev/sda1.
UBUNTU = "ami-1e749f67"
# Types that EC2 has and moto's list hasn't.
OLD = re.compile(r"(p2|p3)\.\w+")
IMAGE_GIB = "8"
USER_DATA_MAX = 16 * 1024


class Rules:
    """Checks launches, and remembers what moto has."""

    def __init__(self, moto: str) -> None:
        self._moto = moto
        self._types: dict[str, bool] = {}

    def checked(self, launch: Query) -> Query:
        """The launch as moto takes it.

        Raises:
            Refused: as EC2 would.
        """
        self._check_type(launch, launch.asked.get("InstanceType", "m1.small"))
        if len(base64.b64decode(launch.asked.get("UserData", ""))) > USER_DATA_MAX:
            raise Refused("InvalidParameterValue", "User data is limited to 16384 bytes")
        image = launch.asked.get("ImageId", "")
        if not image.startswith(SSM):
            answer = send(self._moto, launch.asking("DescribeImages", ImageId_1=image))
            if answer.status != 200:
                raise Refused(text(answer, "Code"), text(answer, "Message"))
            return _with_sizes(launch)
        if not PUBLIC.fullmatch(image.removeprefix(SSM)):
            raise Refused("InvalidParameterValue", f"Parameter {image!r} can't be resolved")
        return _with_sizes(launch.but(ImageId=UBUNTU))

    def _check_type(self, launch: Query, name: str) -> None:
        if name not in self._types:
            asked = launch.asking("DescribeInstanceTypes", InstanceType_1=name)
            self._types[name] = send(self._moto, asked).status == 200 or bool(OLD.fullmatch(name))
        if not self._types[name]:
            raise Refused("InvalidParameterValue", f"Invalid value '{name}' for InstanceType.")


def _with_sizes(launch: Query) -> Query:
    """A disk's size is the image's unless given; moto wants to be told."""
    sizes = {}
    for name in launch.asked:
        if found := re.fullmatch(r"(BlockDeviceMapping\.\d+\.Ebs\.)DeleteOnTermination", name):
            sizes[f"{found[1]}VolumeSize"] = IMAGE_GIB
    return launch.but(**{name: gib for name, gib in sizes.items() if name not in launch.asked})
