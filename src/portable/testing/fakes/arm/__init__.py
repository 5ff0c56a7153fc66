"""Azure Resource Manager's virtual machines, which really run what they boot.

    with FakeArm() as server:
        compute = portable.open_compute(
            f"azurevm://{SUBSCRIPTION}/testing?location=eastus&endpoint={server.endpoint}"
        )

Microsoft's own client talks to it. What is made takes a while and may fail; names, sizes, images,
networks and limits are checked; interfaces, addresses and disks are made with a machine, and stay
after it unless it says otherwise. Needs Linux once a machine is started.
"""

from portable.testing.fakes.arm.server import FakeArm
from portable.testing.fakes.arm.wording import SUBSCRIPTION

__all__ = ["SUBSCRIPTION", "FakeArm"]
