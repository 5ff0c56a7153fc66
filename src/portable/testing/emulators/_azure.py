"""Azure by Azurite, Microsoft's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portable.testing.emulators._provider import BUCKET, QUEUE, Emulated
from portable.testing.servers import azurite, make_container
from portable.testing.targets.azure import UNSET


@contextmanager
def run(_folder: Path) -> Iterator[Emulated]:
    """Start it."""
    with azurite() as server:
        make_container(server, BUCKET)
        yield Emulated(
            servers={"Azurite": server.endpoint},
            profile={
                "provider": "azure",
                "account": server.account,
                "storage": {"container": BUCKET, "endpoint": server.endpoint},
                "queue": {"name": QUEUE, "endpoint": server.queue_endpoint},
            },
            environment={
                "AZURE_STORAGE_ACCOUNT": server.account,
                "AZURE_STORAGE_KEY": server.key,
                "AZURE_STORAGE_CONNECTION_STRING": server.connection_string,
            },
            unset=tuple(name for name in UNSET if name != "AZURE_STORAGE_CONNECTION_STRING"),
        )
