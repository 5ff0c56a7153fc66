"""Azurite, a proxy in front, and an environment without anybody's credentials."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from portable.retry import Surroundings
from portable.storage import Bucket
from portable.testing.faults import FaultProxy
from portable.testing.servers import (
    AzuriteServer,
    azurite,
    container,
    make_container,
    required,
)
from portable_azure.settings import AzureSettings
from portable_azure.storage import AzureStorage

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

CONTAINER = "azure-tests"
Open = Callable[..., Bucket]


@pytest.fixture(scope="session")
def server() -> Iterator[AzuriteServer]:
    """Azurite, with a container."""
    with required(azurite()) as server:
        make_container(server, CONTAINER)
        yield server


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def shared_proxy(server: AzuriteServer) -> Iterator[FaultProxy]:
    with FaultProxy(server.port, keep_bodies=True) as proxy:
        yield proxy


@pytest.fixture
def sdk(server: AzuriteServer) -> Iterator[ContainerClient]:
    """The same container through the SDK, made anew: Azurite keeps blocks of removed blobs."""
    with container(server, CONTAINER) as client:
        client.delete_container()
        make_container(server, CONTAINER)
        yield client


@pytest.fixture
def open_bucket(
    server: AzuriteServer, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Open]:
    """Open a bucket behind the proxy, with the account's key; each request is sent once."""
    monkeypatch.setenv("AZURE_STORAGE_KEY", server.key)
    with ExitStack() as stack:

        def open_bucket(**changed: Any) -> Bucket:
            usual = AzureSettings(
                container=CONTAINER,
                endpoint=f"{proxy.endpoint}/{server.account}",
                engine="sdk",
                attempts=1,
                deadline=30.0,
                read_timeout=10.0,
                connect_timeout=10.0,
            )
            settings = replace(usual, **changed)
            surroundings = Surroundings(sleep=lambda _: None)
            bucket = Bucket(
                lambda: AzureStorage(settings),
                settings,
                provider="azure",
                surroundings=surroundings,
            )
            stack.callback(bucket.close)
            return bucket

        yield open_bucket


@pytest.fixture
def bucket(open_bucket: Open, sdk: ContainerClient) -> Bucket:
    """Empty."""
    return open_bucket()
