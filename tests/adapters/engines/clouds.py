"""Google Cloud Storage and Azure behind one face, for tests that are the same for both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar

from portable.adapter import Adapter, StorageSettings
from portable.retry import Surroundings
from portable.storage import Bucket
from portable.testing.fakes.gcs import FakeGcs
from portable.testing.faults import Answer, FaultProxy, error_answer
from portable.testing.servers import AzuriteServer, azurite, container, make_container
from portable.testing.targets.gcs import sdk_client
from portable_azure import ADAPTER as AZURE
from portable_azure.settings import AzureSettings
from portable_gcp import ADAPTER as GCP
from portable_gcp.settings import GcsSettings

BUCKET = "fast-tests"


class Cloud(ABC):
    """A server and a proxy in front of it.

    Attributes:
        environment: The variables that hold credentials.
        busy: What the server answers when it is asked too often.
    """

    adapter: ClassVar[Adapter]
    environment: ClassVar[Mapping[str, str]]
    busy: ClassVar[Answer]
    proxy: FaultProxy

    def __init__(self) -> None:
        self._opened: list[Bucket] = []

    def open(self, engine: str = "fast", **given: Any) -> Bucket:
        """The bucket behind the proxy; retries wait for nothing."""
        assert self.adapter.storage is not None
        connect, settings = self.adapter.storage.connect, self.settings(engine=engine, **given)
        bucket = Bucket(
            lambda: connect(settings),
            settings,
            provider=self.adapter.name,
            surroundings=Surroundings(sleep=lambda _: None),
        )
        self._opened.append(bucket)
        return bucket

    def close(self) -> None:
        """Close what was opened."""
        while self._opened:
            self._opened.pop().close()
        self.proxy.clear()

    def by_obstore(self) -> list[bool]:
        """For each request since the proxy was cleared: was it sent by obstore?"""
        return [
            "object_store" in (request.header("user-agent") or "")
            for request in self.proxy.requests
        ]

    @abstractmethod
    def settings(self, **given: Any) -> StorageSettings:
        """Those of the bucket behind the proxy."""

    @abstractmethod
    def url(self, engine: str) -> str:
        """The bucket itself, past the proxy."""

    @abstractmethod
    def write(self, key: str, data: bytes, metadata: Mapping[str, str], encoding: str = "") -> None:
        """As another tool does."""


class Gcp(Cloud):
    """Our own fake."""

    adapter = GCP
    environment: ClassVar[Mapping[str, str]] = {}
    busy = error_answer(503, "SlowDown", retry_after="1")

    def __init__(self, fake: FakeGcs) -> None:
        super().__init__()
        self.fake = fake
        self.proxy = FaultProxy(int(fake.endpoint.rpartition(":")[2]))

    def settings(self, **given: Any) -> StorageSettings:
        return GcsSettings(**{"bucket": BUCKET, "endpoint": self.proxy.endpoint, **given})

    def url(self, engine: str) -> str:
        return f"gs://{BUCKET}/p?endpoint={self.fake.endpoint}&engine={engine}"

    def write(self, key: str, data: bytes, metadata: Mapping[str, str], encoding: str = "") -> None:
        blob = sdk_client(self.fake.endpoint).bucket(BUCKET).blob(key)
        blob.metadata = dict(metadata)
        blob.content_encoding = encoding or None
        blob.upload_from_string(data)


class Azure(Cloud):
    """Azurite."""

    adapter = AZURE
    busy = error_answer(503, "ServerBusy", x_ms_error_code="ServerBusy", retry_after="1")

    def __init__(self, server: AzuriteServer) -> None:
        super().__init__()
        self.server = server
        self.proxy = FaultProxy(server.port)
        self.environment = {  # type: ignore[misc]
            "AZURE_STORAGE_ACCOUNT": server.account,
            "AZURE_STORAGE_KEY": server.key,
        }

    def settings(self, **given: Any) -> StorageSettings:
        usual = {
            "container": given.pop("bucket", BUCKET),
            "endpoint": f"{self.proxy.endpoint}/{self.server.account}",
        }
        return AzureSettings(**{**usual, **given})

    def url(self, engine: str) -> str:
        return f"az://{BUCKET}/p?endpoint={self.server.endpoint}&engine={engine}"

    def write(self, key: str, data: bytes, metadata: Mapping[str, str], encoding: str = "") -> None:
        with container(self.server, BUCKET) as client:
            client.upload_blob(key, data, metadata=dict(metadata), overwrite=True)


@contextmanager
def running_gcp() -> Iterator[Gcp]:
    """With an empty bucket."""
    with FakeGcs() as fake, ExitStack() as stack:
        fake.make_bucket(BUCKET)
        cloud = Gcp(fake)
        stack.callback(cloud.proxy.close)
        yield cloud


@contextmanager
def running_azure() -> Iterator[Azure]:
    """With an empty container."""
    with azurite() as server, ExitStack() as stack:
        make_container(server, BUCKET)
        cloud = Azure(server)
        stack.callback(cloud.proxy.close)
        yield cloud
