"""The azure provider conforms, on Azurite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal
from uuid import uuid4

import pytest
from azure.storage.blob import BlobServiceClient

from portable.testing import Harness, StorageConformance
from portable.testing.servers import AzuriteServer
from portable.testing.targets.azure import azure_harness, isolate

QUIRKS = {"order_by_utf16": "Azurite 3.37 compares keys as JavaScript's strings"}


@pytest.fixture(scope="module")
def service(azurite_server: AzuriteServer) -> Iterator[BlobServiceClient]:
    """The SDK's own client. Those of containers use its connection: each alone would keep one."""
    key = {"account_name": azurite_server.account, "account_key": azurite_server.key}
    with BlobServiceClient(azurite_server.endpoint, credential=key, retry_total=0) as client:
        yield client


def _harness(
    server: AzuriteServer, service: BlobServiceClient, engine: Literal["sdk", "fast"]
) -> Iterator[Harness]:
    """A new container, and another one when it is asked for."""
    made: list[str] = []

    def make() -> str:
        made.append(f"portable-{uuid4().hex[:12]}")
        service.create_container(made[-1])
        return made[-1]

    yield azure_harness(
        server,
        service.get_container_client,
        make_container=make,
        quirks=QUIRKS,
        examples=3,
        engine=engine,
    )
    for name in made:
        service.delete_container(name)


@pytest.mark.xdist_group("azurite")
class TestAzurite(StorageConformance):
    """It checks signatures, conditions, and Content-MD5."""

    @pytest.fixture
    def harness(
        self,
        azurite_server: AzuriteServer,
        service: BlobServiceClient,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Iterator[Harness]:
        """New containers."""
        isolate(monkeypatch, azurite_server)
        yield from _harness(azurite_server, service, "sdk")


@pytest.mark.xdist_group("azurite")
class TestAzuriteFast(StorageConformance):
    """The same by obstore, which is at the root of S3's buckets."""

    root = False

    @pytest.fixture
    def harness(
        self,
        azurite_server: AzuriteServer,
        service: BlobServiceClient,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Iterator[Harness]:
        """New containers."""
        isolate(monkeypatch, azurite_server)
        yield from _harness(azurite_server, service, "fast")
