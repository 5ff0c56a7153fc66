"""Azure by Azurite, Microsoft's own, and `FakeArm`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from portable.testing.emulators._provider import BUCKET, QUEUE, Emulated
from portable.testing.fakes.arm import SUBSCRIPTION, FakeArm
from portable.testing.servers import azurite, make_container
from portable.testing.targets.azure import UNSET

RUNS_MACHINES = sys.platform == "linux"
LOCATION = "eastus"


@contextmanager
def run(_folder: Path) -> Iterator[Emulated]:
    """Start it; machines are processes of their own."""
    with ExitStack() as stack:
        server = stack.enter_context(azurite())
        make_container(server, BUCKET)
        servers = {"Azurite": server.endpoint}
        profile: dict[str, object] = {
            "provider": "azure",
            "account": server.account,
            "storage": {"container": BUCKET, "endpoint": server.endpoint},
            "queue": {"name": QUEUE, "endpoint": server.queue_endpoint},
        }
        if RUNS_MACHINES:
            machines = stack.enter_context(FakeArm(group=BUCKET))
            servers["FakeArm"] = machines.endpoint
            profile["compute"] = {
                "subscription": SUBSCRIPTION,
                "resource_group": BUCKET,
                "location": LOCATION,
                "endpoint": machines.endpoint,
            }
        yield Emulated(
            servers=servers,
            profile=profile,
            environment={
                "AZURE_STORAGE_ACCOUNT": server.account,
                "AZURE_STORAGE_KEY": server.key,
                "AZURE_STORAGE_CONNECTION_STRING": server.connection_string,
            },
            unset=tuple(name for name in UNSET if name != "AZURE_STORAGE_CONNECTION_STRING"),
        )
