"""The azure provider, against Azurite on this machine."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock

from portable.storage import Bucket
from portable.storage.active import bucket_from
from portable.testing.harness import Harness, Oracle
from portable.testing.targets.s3 import fast_errors
from portable_azure import ADAPTER
from portable_azure.blocks import block_id, new_upload
from portable_azure.settings import AzureSettings

if TYPE_CHECKING:
    import pytest
    from azure.storage.blob import ContainerClient

    from portable.storage.driver import StorageDriver
    from portable.testing.servers import AzuriteServer

# What else would let this machine's own account in.
UNSET = (
    "AZURE_STORAGE_CONNECTION_STRING",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_CLIENT_ID",
    "AZURE_TENANT_ID",
)


def isolate(monkeypatch: pytest.MonkeyPatch, server: AzuriteServer) -> None:
    """Let the adapter see the key of *server* and none of the machine's."""
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)
    for name, value in _environment(server.account, server.key).items():
        monkeypatch.setenv(name, value)


def _environment(account: str, key: str) -> Mapping[str, str]:
    return {"AZURE_STORAGE_ACCOUNT": account, "AZURE_STORAGE_KEY": key}


class AzureOracle(Oracle):
    """One container through the SDK's own client."""

    def __init__(self, client: ContainerClient) -> None:
        self._client = client

    def read(self, key: str) -> bytes:
        return self._client.download_blob(key).readall()

    def write(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        from azure.storage.blob import ContentSettings

        described = ContentSettings(content_type=content_type) if content_type else None
        self._client.upload_blob(
            key, data, overwrite=True, metadata=dict(metadata or {}), content_settings=described
        )

    def keys(self) -> set[str]:
        return set(self._client.list_blob_names())

    def metadata(self, key: str) -> Mapping[str, str]:
        found: Mapping[str, str] = self._client.get_blob_client(key).get_blob_properties().metadata
        return found

    def open_uploads(self) -> int:
        """Uploads that hold more than a byte a block: none can be removed, only shrunk."""
        names = [blob.name for blob in self._client.list_blobs(include=["uncommittedblobs"])]
        found = set()
        for name in names:
            _, blocks = self._client.get_blob_client(name).get_block_list("uncommitted")
            found |= {(name, block.id.rpartition(".")[0]) for block in blocks if block.size > 1}
        return len(found)

    def begin_upload(self, key: str) -> bool:
        """By another process of ours: other tools' uploads have no date, and are left alone."""
        self._client.get_blob_client(key).stage_block(block_id(new_upload(), 1), b"part")
        return True

    def damage(self, key: str) -> bool:
        # In blocks, so that the service itself has no digest of it.
        from azure.storage.blob import BlobBlock, ContentSettings

        blob = self._client.get_blob_client(key)
        there = blob.get_blob_properties()
        body = self.read(key)
        blob.stage_block(block := block_id(new_upload(), 1), body[:-1] + bytes([body[-1] ^ 1]))
        blob.commit_block_list(
            [BlobBlock(block)],
            content_settings=ContentSettings(content_type=there.content_settings.content_type),
            metadata=there.metadata,
        )
        return True


def open_azure_bucket(container: str, prefix: str = "", **settings: Any) -> Bucket:
    """A bucket of the azure provider."""
    return bucket_from(ADAPTER, AzureSettings(container=container, prefix=prefix, **settings))


def azure_harness(
    server: AzuriteServer,
    client: Callable[[str], ContainerClient],
    *,
    make_container: Callable[[], str],
    quirks: Mapping[str, str] | None = None,
    examples: int = 5,
    **settings: Any,
) -> Harness:
    """What *make_container* makes on Azurite, whose containers *client* reaches."""
    from azure.core.exceptions import AzureError
    from urllib3.exceptions import HTTPError

    container = make_container()
    settings = {"endpoint": server.endpoint, **settings}
    missing = f"portable-missing-{uuid.uuid4().hex[:12]}"

    def denied() -> Bucket:
        known = AzureSettings(container=container, **settings)
        return Bucket(partial(_connect_with_wrong_key, known), known, provider=ADAPTER.name)

    return Harness(
        open_bucket=lambda prefix: open_azure_bucket(container, prefix, **settings),
        oracle=AzureOracle(client(container)),
        other_bucket=lambda: open_azure_bucket(make_container(), **settings),
        missing_bucket=lambda: open_azure_bucket(missing, **settings),
        denied_bucket=denied,
        sdk_errors=(AzureError, HTTPError, *fast_errors(settings.get("engine", "auto"))),
        storage_class="Cool",
        holds=_holds,
        quirks=quirks or {},
        examples=examples,
    )


def _holds(key: str) -> bool:
    """Azure takes ``\\`` for ``/``; and the SDK, which the oracle writes with, tidies up paths."""
    return "\\" not in key and not {".", ".."} & set(key.split("/"))


def _connect_with_wrong_key(settings: AzureSettings) -> StorageDriver:
    assert ADAPTER.storage is not None
    wrong = _environment("devstoreaccount1", "d3Jvbmc=")
    with mock.patch.dict(os.environ, wrong):
        return ADAPTER.storage.connect(settings)
