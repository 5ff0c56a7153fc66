"""The aws provider conforms over a socket, with servers that each check something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal
from uuid import uuid4

import pytest

from portable.testing import Harness, StorageConformance
from portable.testing.conformance.errors import ErrorCases
from portable.testing.conformance.integrity import IntegrityCases
from portable.testing.conformance.model import ModelCases
from portable.testing.conformance.puts import PutCases
from portable.testing.conformance.signing import SigningCases
from portable.testing.conformance.uploads import UploadCases
from portable.testing.servers import S3Server, client, make_bucket
from portable.testing.targets.s3 import S3Oracle, isolate, s3_harness

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

Engine = Literal["sdk", "fast"]

MOTO = {
    "signatures_unchecked": "moto's server checks no signature",
    "expiry_unchecked": "moto's server checks no signature",
    "newline_keys": "moto's server answers 404",
}
MINISTACK: Mapping[str, str] = {}
SEAWEEDFS = {
    "segment_over_255": "SeaweedFS 4.48: segments are names of its folders",
    "odd_keys": "SeaweedFS 4.48: keys are cleaned like paths",
    "order_by_segment": "SeaweedFS 4.48 lists folder by folder",
    "empty_folders_kept": "SeaweedFS 4.48 removes empty folders later",
    "folders_are_objects": "SeaweedFS 4.48 answers for a folder",
    "commit_over_folder": "SeaweedFS 4.48 answers 500",
}


def _harness(
    server: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    *,
    quirks: Mapping[str, str],
    checksums: Literal["when_supported", "when_required"] = "when_supported",
    engine: Engine = "sdk",
    kept: str | None = None,
) -> Iterator[Harness]:
    """A new bucket, and another one when it is asked for; both are emptied afterwards.

    Args:
        kept: Make two buckets of this name once, and use a new folder of them each time.
    """
    credentials = folder / "credentials"
    credentials.write_text(
        f"[denied]\naws_access_key_id = {server.access_key}\naws_secret_access_key = wrong\n"
    )
    isolate(
        monkeypatch,
        AWS_ACCESS_KEY_ID=server.access_key,
        AWS_SECRET_ACCESS_KEY=server.secret_key,
        AWS_SHARED_CREDENTIALS_FILE=str(credentials),
    )
    raw = _client(server, checksums)
    made: list[str] = []

    def bucket() -> str:
        if kept:
            name = f"{kept}-{len(made)}"
            _create_once(server, name)
        else:
            name = f"portable-{uuid4().hex[:12]}"
            raw.create_bucket(Bucket=name)
        made.append(name)
        return name

    home = f"{uuid4().hex[:12]}/" if kept else ""

    yield s3_harness(
        raw,
        make_bucket=bucket,
        home=home,
        endpoint=server.endpoint,
        checksums=checksums,
        engine=engine,
        denied_profile="denied" if server.checks_credentials else None,
        quirks=quirks,
        examples=3,
    )
    for name in made:
        S3Oracle(raw, name, home=home).clear()
        if not kept:
            raw.delete_bucket(Bucket=name)


@cache
def _client(server: S3Server, checksums: Literal["when_supported", "when_required"]) -> S3Client:
    return client(
        server,
        request_checksum_calculation=checksums,
        response_checksum_validation=checksums,
        max_pool_connections=20,
    )


@cache
def _create_once(server: S3Server, name: str) -> None:
    make_bucket(server, name)


@pytest.mark.soak
@pytest.mark.xdist_group("moto")
class TestMotoServer(StorageConformance):
    """moto, behind the checks that S3 makes."""

    root = False  # test_aws.py is at the root of the same, in this process

    @pytest.fixture
    def harness(
        self, moto: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> Iterator[Harness]:
        """A new bucket."""
        yield from _harness(moto, monkeypatch, tmp_path, quirks=MOTO)


class _OnMinistack:
    """It has no quirks: each engine passes the whole suite here."""

    engine: ClassVar[Engine] = "sdk"

    @pytest.fixture
    def harness(
        self, ministack_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> Iterator[Harness]:
        """A new bucket."""
        yield from _harness(
            ministack_server,
            monkeypatch,
            tmp_path,
            quirks=MINISTACK,
            checksums="when_required",
            engine=self.engine,
        )


@pytest.mark.xdist_group("ministack")
class TestMinistack(_OnMinistack, StorageConformance):
    """It keeps no whole-object checksums of multipart uploads, so ours ride in the metadata."""

    root = False


@pytest.mark.xdist_group("ministack")
class TestMinistackFast(_OnMinistack, StorageConformance):
    """The same by obstore."""

    engine = "fast"


class _OnSeaweedFS:
    """It checks signatures and every checksum."""

    root = False
    engine: ClassVar[Engine] = "sdk"

    @pytest.fixture
    def harness(
        self, seaweed: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> Iterator[Harness]:
        """A new folder: the first write to a new bucket takes 200 ms here."""
        yield from _harness(
            seaweed, monkeypatch, tmp_path, quirks=SEAWEEDFS, kept="kept", engine=self.engine
        )


# What depends on checksums, signatures, and how a server stores what comes in parts.
class _Checked(PutCases, IntegrityCases, UploadCases, SigningCases, ErrorCases, ModelCases): ...


@pytest.mark.xdist_group("seaweedfs")
class TestSeaweedFSChecks(_OnSeaweedFS, _Checked):
    """With the checksums that ministack doesn't keep."""


@pytest.mark.xdist_group("seaweedfs")
class TestSeaweedFSChecksFast(_OnSeaweedFS, _Checked):
    """The same by obstore."""

    engine = "fast"


@pytest.mark.soak
@pytest.mark.xdist_group("seaweedfs")
class TestSeaweedFS(_OnSeaweedFS, StorageConformance):
    """Everything."""


@pytest.mark.soak
@pytest.mark.xdist_group("seaweedfs")
class TestSeaweedFSFast(_OnSeaweedFS, StorageConformance):
    """The same by obstore."""

    engine = "fast"
