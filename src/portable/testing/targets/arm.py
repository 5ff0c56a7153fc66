"""The azure provider's compute, against its fake; jobs' storage is on Azurite."""

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

from portable.compute.compute import Compute
from portable.compute.driver import ComputeDriver
from portable.discovery import connect_compute
from portable.storage import Bucket
from portable.testing.compute import ComputeHarness, ComputeOracle
from portable.testing.compute.harness import Refusal
from portable.testing.fakes.arm import SUBSCRIPTION, FakeArm
from portable.testing.fakes.arm.server import GROUP
from portable.testing.fakes.arm.wording import QUOTA, refused
from portable.testing.fakes.machines import Boot
from portable.testing.fakes.rest import Reply, RestFault
from portable.testing.faults import FaultProxy
from portable.testing.targets.azure import open_azure_bucket
from portable_azure import ADAPTER
from portable_azure.compute_settings import AzureVmSettings

if TYPE_CHECKING:
    from portable.testing.servers import AzuriteServer

LOCATION = "eastus"
MACHINE = "Standard_B1s"
CREATES = r"/virtualMachines/[^/]+$"
REFUSED = {
    "quota": refused(409, "OperationNotAllowed", QUOTA),
    "denied": refused(
        403,
        "AuthorizationFailed",
        "The client does not have authorization to perform action "
        "'Microsoft.Compute/virtualMachines/write'.",
    ),
    "broken": refused(500, "InternalServerError", "Encountered internal server error."),
    "throttled": refused(
        429,
        "OperationNotAllowed",
        "The server rejected the request because too many requests have been received.",
    ),
}


class ArmOracle(ComputeOracle):
    """A fake, seen from within."""

    def __init__(self, server: FakeArm) -> None:
        self._server = server

    def count(self, name: str) -> int:
        return sum(machine.name == name for machine in self._server.machines)

    def alive(self, id: str) -> bool:
        return any(real.is_on for real in self._server.real(_name(id)))

    def kill(self, id: str) -> None:
        """Somebody deletes it: what only crashes would stay, and cost."""
        self._server.remove(_name(id))

    def hang(self, id: str) -> None:
        for real in self._server.real(_name(id)):
            real.hang()

    def preempt(self, id: str, notice: float) -> None:
        self._server.evict(_name(id), notice)

    def refuse(self, why: Refusal, times: int = 1) -> None:
        if why == "capacity":  # Azure takes the request on, and sees then
            self._server.fail(times=times)
            return
        reply = REFUSED[why].reply
        if why == "throttled":
            reply = Reply(reply.body, reply.status, {"Retry-After": "7"})
        self._server.add(RestFault(method="PUT", path=CREATES, times=times, reply=reply))

    def lose_answer(self) -> None:
        self._server.add(RestFault(method="PUT", path=CREATES, kind="lost"))

    def hide(self, looks: int) -> None:
        self._server.state.hides = looks + 1  # the launch looks itself

    def next(self, boot: Boot) -> None:
        self._server.host.next(boot)

    def keys(self, id: str) -> str:
        """Without those whose private half nobody has."""
        keys = self._server.machine(_name(id)).keys
        return "\n".join(key for key in keys if not key.endswith(" nobody"))

    def left_behind(self) -> list[str]:
        return self._server.parts


def _name(id: str) -> str:
    return id.partition("/")[2]


def settings(server: FakeArm, **more: Any) -> AzureVmSettings:
    """Of a driver that talks to a fake."""
    usual = {
        "subscription": SUBSCRIPTION,
        "resource_group": GROUP,
        "location": LOCATION,
        "endpoint": server.endpoint,
    }
    return AzureVmSettings(**{**usual, **more})


def connect(server: FakeArm, **more: Any) -> ComputeDriver:
    """A driver that talks to a fake."""
    return connect_compute(ADAPTER, settings(server, **more))


def open_arm_compute(
    server: FakeArm, container: str, folder: str, endpoint: str, **more: Any
) -> Compute:
    """Jobs on a fake, kept in *folder* of a container.

    Args:
        endpoint: Of storage.
    """
    place = settings(server, **more)
    connects = partial(connect_compute, ADAPTER, place)
    storage = partial(open_azure_bucket, container, folder, endpoint=endpoint)
    return Compute(connects, place, provider=ADAPTER.name, storage=storage)


def arm_harness(
    server: FakeArm, azurite: AzuriteServer, container: str, proxy: FaultProxy
) -> ComputeHarness:
    """What the conformance suite is told of a fake.

    Args:
        azurite: The server of storage; AZURE_STORAGE_KEY in the environment is its key.
        container: One that there is on it.
        proxy: In front of it.
    """
    from azure.core.exceptions import AzureError

    folder, endpoint = f"jobs-{uuid.uuid4().hex[:12]}", f"{proxy.endpoint}/{azurite.account}"
    opens: partial[Bucket] = partial(open_azure_bucket, container, folder, endpoint=endpoint)
    return ComputeHarness(
        connect=lambda: connect(server),
        oracle=ArmOracle(server),
        open_compute=partial(open_arm_compute, server, container, folder, endpoint),
        storage=opens(),
        proxy=proxy,
        machine=MACHINE,
        image="ubuntu-24.04",
        unknown_id=f"{GROUP}/there-is-none",
        sdk_errors=(AzureError,),
    )
