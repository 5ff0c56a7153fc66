"""The digitalocean provider conforms, with servers for Spaces that do what users have seen it do.

Buckets are names below a Spaces domain, as there. SeaweedFS takes conditions as this adapter sends
them, the ETag without quotes, and checks signatures, so the Spaces key is the one that is used; a
proxy before it refuses bulk deletes. Another before moto drops conditions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from portable.testing import Harness, StorageConformance
from portable.testing.conformance.conditions import ConditionCases
from portable.testing.conformance.copies import CopyCases
from portable.testing.conformance.deletes import DeleteCases
from portable.testing.conformance.gets import GetCases
from portable.testing.faults import Fault, FaultProxy, error_answer
from portable.testing.servers import S3Server, client, make_bucket
from portable.testing.targets.s3 import S3Oracle
from portable.testing.targets.spaces import isolate, spaces_harness

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

SEAWEEDFS = {
    "segment_over_255": "SeaweedFS 4.48: segments are names of its folders",
    "odd_keys": "SeaweedFS 4.48: keys are cleaned like paths",
    "order_by_segment": "SeaweedFS 4.48 lists folder by folder",
    "empty_folders_kept": "SeaweedFS 4.48 removes empty folders later",
    "folders_are_objects": "SeaweedFS 4.48 answers for a folder",
    "commit_over_folder": "SeaweedFS 4.48 answers 500",
}
MOTO = {
    "signatures_unchecked": "moto's server checks no signature",
    "expiry_unchecked": "moto's server checks no signature",
    "newline_keys": "moto's server answers 404",
    "copy_ignores_if_match": "the checks before moto's server look for a source by its path only",
}


@cache
def _client(server: S3Server) -> S3Client:
    return client(
        server,
        request_checksum_calculation="when_required",  # else a body that is damaged has a new one
        response_checksum_validation="when_required",
        max_pool_connections=20,
    )


@cache
def _create_once(server: S3Server, name: str) -> None:
    make_bucket(server, name)


# What users have seen Spaces do.
IGNORES_CONDITIONS = Fault("strip", headers=frozenset({"if-match", "if-none-match"}), times=None)
REFUSES_BULK_DELETES = Fault(
    "status", method="POST", path="?delete", answer=error_answer(501, "NotImplemented"), times=None
)


@pytest.fixture(scope="module")
def refusing(seaweed: S3Server) -> Iterator[FaultProxy]:
    """SeaweedFS, and before it what refuses."""
    with FaultProxy(seaweed.port) as proxy:
        proxy.add(REFUSES_BULK_DELETES)
        yield proxy


@pytest.mark.xdist_group("seaweedfs")
class TestSpaces(StorageConformance):
    """With conditional writes, as for a bucket that is known to enforce them."""

    root = False

    @pytest.fixture
    def harness(
        self,
        seaweed: S3Server,
        refusing: FaultProxy,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> Iterator[Harness]:
        """A new folder: the first write to a new bucket takes 200 ms here."""
        yield from _harness(seaweed, monkeypatch, tmp_path, port=refusing.port, quirks=SEAWEEDFS)


@pytest.fixture(scope="module")
def careless(moto: S3Server) -> Iterator[FaultProxy]:
    """moto, and before it what ignores; signatures cover the conditions, and it checks none."""
    with FaultProxy(moto.port) as proxy:
        proxy.add(IGNORES_CONDITIONS)
        yield proxy


@pytest.mark.xdist_group("moto")
class TestSpacesThatIgnoreConditions(GetCases, ConditionCases, CopyCases, DeleteCases):
    """All that has to do with conditions, where nobody has said that the bucket enforces them."""

    root = False

    @pytest.fixture
    def harness(
        self,
        moto: S3Server,
        careless: FaultProxy,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> Iterator[Harness]:
        """A new folder."""
        yield from _harness(
            moto, monkeypatch, tmp_path, port=careless.port, quirks=MOTO, conditional_writes=False
        )


def _harness(
    server: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    *,
    port: int,
    quirks: Mapping[str, str],
    conditional_writes: bool = True,
) -> Iterator[Harness]:
    isolate(monkeypatch, server.access_key, server.secret_key)
    (folder / ".curlrc").write_text(f'resolve = "*:{port}:127.0.0.1"\n')
    monkeypatch.setenv("CURL_HOME", str(folder))
    made: list[str] = []

    def bucket() -> str:
        made.append(f"spaces-{len(made)}")
        _create_once(server, made[-1])
        return made[-1]

    home = f"{uuid4().hex[:12]}/"
    raw = _client(server)
    yield spaces_harness(
        raw,
        make_bucket=bucket,
        port=port,
        home=home,
        conditional_writes=conditional_writes,
        quirks=quirks,
    )
    for name in made:
        S3Oracle(raw, name, home=home).clear()
