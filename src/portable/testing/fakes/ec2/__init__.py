"""EC2 whose machines run: moto's, with what moto leaves out, in front of a `MachineHost`.

    with moto_server() as moto, FakeEc2(moto.endpoint) as ec2:
        portable.open_compute(f"ec2://us-east-1?endpoint={ec2.endpoint}")
        ec2.refuse("InsufficientInstanceCapacity", status=500)

boto3 speaks to it unchanged. Added to moto: user data is run; ``poweroff`` ends the machine as
`InstanceInitiatedShutdownBehavior` says; client tokens count; types and images that there aren't
are refused; public parameters of images are looked up; and what EC2 does on a bad day.
"""

from portable.testing.fakes.ec2.server import FakeEc2

__all__ = ["FakeEc2"]
