"""The gcp provider conforms over a socket, on our own fake and on fake-gcs-server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal
from uuid import uuid4

import pytest

from portable.testing import Harness, StorageConformance
from portable.testing.drivers import around
from portable.testing.fakes.gcs import FakeGcs
from portable.testing.servers import (
    GcsServer,
    ServerUnavailable,
    fake_gcs_server,
    make_gcs_bucket,
    skip_or_fail,
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
}


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeGcs]:
    with FakeGcs() as server:
        yield server


def _harness(fake: FakeGcs, folder: Path, engine: Literal["sdk", "fast"]) -> Iterator[Harness]:
    """New buckets of our own fake."""
    made: list[str] = []

    def make_bucket() -> str:
        made.append(f"portable-{uuid4().hex[:12]}")
        fake.make_bucket(made[-1])
        return made[-1]

    yield gcs_harness(
        sdk_client(fake.endpoint),
        endpoint=fake.endpoint,
        make_bucket=make_bucket,
        credentials_file=account_file(fake.endpoint, folder, "allowed", allowed=True),
        denied_file=account_file(fake.endpoint, folder, "denied", allowed=False),
        engine=engine,
        examples=5 if engine == "sdk" else 3,
    )
    for name in made:
        fake.drop_bucket(name)


@pytest.mark.xdist_group("gcp")
class TestGcp(StorageConformance):
    """Our own fake, which enforces every precondition, checksum and signature."""

    @pytest.fixture
    def harness(
        self, fake: FakeGcs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> Iterator[Harness]:
        """New buckets."""
        isolate(monkeypatch)
        yield from _harness(fake, tmp_path, "sdk")


@pytest.mark.xdist_group("gcp")
class TestGcpFast(StorageConformance):
    """The same by obstore."""

    @pytest.fixture
    def harness(
        self, fake: FakeGcs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> Iterator[Harness]:
        """New buckets."""
        isolate(monkeypatch)
        yield from _harness(fake, tmp_path, "fast")


@pytest.fixture(scope="module")
def foreign() -> Iterator[GcsServer]:
    """fake-gcs-server."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(fake_gcs_server())
        except ServerUnavailable as error:
            skip_or_fail(error)
        yield server


@pytest.mark.xdist_group("fake-gcs")
class TestFakeGcsServer(StorageConformance):
    """fake-gcs-server, with large objects in one request: it has no multipart uploads."""

    root = False

    @pytest.fixture
    def harness(
        self, foreign: GcsServer, fake: FakeGcs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> Iterator[Harness]:
        """New buckets. It knows no accounts: this one's tokens are our own fake's."""
        isolate(monkeypatch)

        made: list[str] = []

        def make_bucket() -> str:
            made.append(f"portable-{uuid4().hex[:12]}")
            make_gcs_bucket(foreign, made[-1])
            return made[-1]

        raw = sdk_client(foreign.endpoint)
        yield gcs_harness(
            raw,
            endpoint=foreign.endpoint,
            make_bucket=make_bucket,
            oracle=ForeignFakeOracle,
            credentials_file=account_file(fake.endpoint, tmp_path, "allowed", allowed=True),
            wrap=lambda bucket: around(bucket, OneRequest),
            quirks=FAKE_GCS,
            examples=3,
        )
        for name in made:
            ForeignFakeOracle(raw, foreign.endpoint, name).clear()
