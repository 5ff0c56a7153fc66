"""The azure provider conforms, on Azurite."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from portable.testing import Harness, StorageConformance
from portable.testing.servers import AzuriteServer, container
from portable.testing.targets.azure import azure_harness, isolate

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

QUIRKS = {"order_by_utf16": "Azurite 3.37 compares keys as JavaScript's strings"}


@pytest.mark.xdist_group("azurite")
class TestAzurite(StorageConformance):
    """It checks signatures, conditions, and Content-MD5."""

    @pytest.fixture
    def harness(
        self, azurite_server: AzuriteServer, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Harness]:
        """A new container, and another one when it is asked for."""
        isolate(monkeypatch, azurite_server)
        made: list[str] = []

        def make() -> str:
            made.append(f"portable-{uuid4().hex[:12]}")
            _client(azurite_server, made[-1]).create_container()
            return made[-1]

        def client(name: str) -> ContainerClient:
            return _client(azurite_server, name)

        yield azure_harness(
            azurite_server, client, make_container=make, quirks=QUIRKS, examples=3, engine="sdk"
        )
        for name in made:
            _client(azurite_server, name).delete_container()


@cache
def _client(server: AzuriteServer, name: str) -> ContainerClient:
    return container(server, name)
