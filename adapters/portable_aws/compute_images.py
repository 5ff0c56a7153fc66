"""Images by plain names, in the architecture that a type of machine has."""

from __future__ import annotations

import re
from collections.abc import Mapping

from portable.errors import InvalidArgument
from portable.spelling import did_you_mean, listed

# Public parameters that lead to each region's newest: EC2 looks them up itself.
# https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/ and
# https://docs.aws.amazon.com/dlami/latest/devguide/appendix-ami-release-notes.html
PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "ubuntu-22.04": {
        arch: f"/aws/service/canonical/ubuntu/server/22.04/stable/current/{arch}/hvm/ebs-gp2/ami-id"
        for arch in ("amd64", "arm64")
    },
    "ubuntu-24.04": {
        arch: f"/aws/service/canonical/ubuntu/server/24.04/stable/current/{arch}/hvm/ebs-gp3/ami-id"
        for arch in ("amd64", "arm64")
    },
    # NVIDIA's driver and CUDA. Those with a framework have its version in their names.
    "deep-learning": {
        arch: f"/aws/service/deeplearning/ami/{name}/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"
        for arch, name in (("amd64", "x86_64"), ("arm64", "arm64"))
    },
}
ROOT_DEVICE = "/dev/sda1"  # Ubuntu's, which they all are


def parameter(image: str, machine: str) -> str:
    """What RunInstances takes for a plain name.

    Raises:
        InvalidArgument: there is none of that name.
    """
    if image not in PARAMETERS:
        near = did_you_mean(image, PARAMETERS)
        raise InvalidArgument(
            f"there is no image {image!r}{near}: give {listed(PARAMETERS)}, or an id, ami-…"
        )
    return f"resolve:ssm:{PARAMETERS[image][architecture(machine)]}"


def is_id(image: str) -> bool:
    """Is it EC2's own, rather than a plain name?"""
    return image.startswith("ami-")


def architecture(machine: str) -> str:
    """That of a type's processors, by its name: a "g" after the generation is Graviton or Grace.

    https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
    """
    family = machine.partition(".")[0]
    options = re.sub(r"^[a-z-]+\d+", "", family)
    return "arm64" if family == "a1" or "g" in options else "amd64"
