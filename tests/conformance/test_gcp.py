"""The gcp provider conforms over a socket, on our own fake and on fake-gcs-server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from uuid import uuid4

import pytest
from google.cloud.storage import Client

from portable.testing import Harness, StorageConformance
from portable.testing.conformance.deletes import DeleteCases
from portable.testing.conformance.gets import GetCases
from portable.testing.conformance.listing import ListingCases
from portable.testing.conformance.metadata import MetadataCases
from portable.testing.conformance.model import ModelCases
from portable.testing.conformance.puts import PutCases
from portable.testing.drivers import around
from portable.testing.fakes.gcs import FakeGcs
from portable.testing.servers import (
    GcsServer,
    fake_gcs_server,
    make_gcs_bucket,
    required,
)
from portable.testing.targets.gcs import (
    ForeignFakeOracle,
    OneRequest,
    account_file,
    gcs_harness,
    isolate,
    sdk_client,
)

# What only our own fake proves.
FAKE_GCS = {
    "copy_ignores_if_match": "fake-gcs-server 1.54 has conditions for uploads only",
    "delete_ignores_if_match": "fake-gcs-server 1.54 has conditions for uploads only",
    "expiry_unchecked": "fake-gcs-server 1.54 checks no signature",
    "no_multipart": "fake-gcs-server 1.54 has none of the XML API's",
    "prefixes_repeated": "fake-gcs-server 1.54 gives all prefixes left on every page",
    "signatures_unchecked": "fake-gcs-server 1.54 checks no signature",
    "signed_conditions_unchecked": "fake-gcs-server 1.54 has conditions for its JSON API only",
}


class Fake:
    """Our own fake, a client of it, and accounts that may do anything and nothing."""

    def __init__(self, server: FakeGcs, folder: Path) -> None:
        self.server = server
        self.endpoint = server.endpoint
        self.client = sdk_client(server.endpoint)
        self.allowed = account_file(server.endpoint, folder, "allowed", allowed=True)
        self.denied = account_file(server.endpoint, folder, "denied", allowed=False)


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fake]:
    with FakeGcs() as server:
        fake = Fake(server, tmp_path_factory.mktemp("accounts"))
        yield fake
        fake.client.close()


def _harness(fake: Fake, engine: Literal["sdk", "fast"]) -> Iterator[Harness]:
    """New buckets of our own fake."""
    made: list[str] = []

    def make_bucket() -> str:
        made.append(f"portable-{uuid4().hex[:12]}")
        fake.server.make_bucket(made[-1])
        return made[-1]

    yield gcs_harness(
        fake.client,
        endpoint=fake.endpoint,
        make_bucket=make_bucket,
        credentials_file=fake.allowed,
        denied_file=fake.denied,
        engine=engine,
        examples=5 if engine == "sdk" else 3,
    )
    for name in made:
        fake.server.drop_bucket(name)


@pytest.mark.xdist_group("gcp")
class TestGcp(StorageConformance):
    """Our own fake, which enforces every precondition, checksum and signature."""

    @pytest.fixture
    def harness(self, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> Iterator[Harness]:
        """New buckets."""
        isolate(monkeypatch)
        yield from _harness(fake, "sdk")


@pytest.mark.xdist_group("gcp")
class TestGcpFast(StorageConformance):
    """The same by obstore, which is at the root of S3's buckets."""

    root = False

    @pytest.fixture
    def harness(self, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> Iterator[Harness]:
        """New buckets."""
        isolate(monkeypatch)
        yield from _harness(fake, "fast")


@pytest.fixture(scope="module")
def foreign() -> Iterator[GcsServer]:
    """fake-gcs-server."""
    with required(fake_gcs_server()) as server:
        yield server


@pytest.fixture(scope="module")
def foreign_client(foreign: GcsServer) -> Iterator[Client]:
    client = sdk_client(foreign.endpoint)
    yield client
    client.close()


class _OnFakeGcsServer:
    """fake-gcs-server, with large objects in one request: it has no multipart uploads."""

    root = False

    @pytest.fixture
    def harness(
        self,
        foreign: GcsServer,
        foreign_client: Client,
        fake: Fake,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Iterator[Harness]:
        """New buckets. It knows no accounts: this one's tokens are our own fake's."""
        isolate(monkeypatch)

        made: list[str] = []

        def make_bucket() -> str:
            made.append(f"portable-{uuid4().hex[:12]}")
            make_gcs_bucket(foreign, made[-1])
            return made[-1]

        yield gcs_harness(
            foreign_client,
            endpoint=foreign.endpoint,
            make_bucket=make_bucket,
            oracle=ForeignFakeOracle,
            credentials_file=fake.allowed,
            wrap=lambda bucket: around(bucket, OneRequest),
            quirks=FAKE_GCS,
            examples=3,
        )
        for name in made:
            ForeignFakeOracle(foreign_client, foreign.endpoint, name).clear()


@pytest.mark.xdist_group("fake-gcs")
class TestFakeGcsServerAgrees(
    _OnFakeGcsServer, PutCases, GetCases, ListingCases, MetadataCases, DeleteCases, ModelCases
):
    """What our own fake might have got wrong together with the driver."""


@pytest.mark.soak
@pytest.mark.xdist_group("fake-gcs")
class TestFakeGcsServer(_OnFakeGcsServer, StorageConformance):
    """Everything."""
