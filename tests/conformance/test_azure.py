"""The azure provider conforms, on Azurite."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

import pytest

from portable.testing import Harness, StorageConformance
from portable.testing.servers import AzuriteServer, container
from portable.testing.targets.azure import azure_harness, isolate

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

QUIRKS = {"order_by_utf16": "Azurite 3.37 compares keys as JavaScript's strings"}


def _harness(server: AzuriteServer, engine: Literal["sdk", "fast"]) -> Iterator[Harness]:
    """A new container, and another one when it is asked for."""
    made: list[str] = []

    def make() -> str:
        made.append(f"portable-{uuid4().hex[:12]}")
        _client(server, made[-1]).create_container()
        return made[-1]

    def client(name: str) -> ContainerClient:
        return _client(server, name)

    yield azure_harness(
        server, client, make_container=make, quirks=QUIRKS, examples=3, engine=engine
    )
    for name in made:
        _client(server, name).delete_container()


@pytest.mark.xdist_group("azurite")
class TestAzurite(StorageConformance):
    """It checks signatures, conditions, and Content-MD5."""

    @pytest.fixture
    def harness(
        self, azurite_server: AzuriteServer, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Harness]:
        """New containers."""
        isolate(monkeypatch, azurite_server)
        yield from _harness(azurite_server, "sdk")


@pytest.mark.xdist_group("azurite")
class TestAzuriteFast(StorageConformance):
    """The same by obstore."""

    @pytest.fixture
    def harness(
        self, azurite_server: AzuriteServer, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Harness]:
        """New containers."""
        isolate(monkeypatch, azurite_server)
        yield from _harness(azurite_server, "fast")


@cache
def _client(server: AzuriteServer, name: str) -> ContainerClient:
    return container(server, name)
