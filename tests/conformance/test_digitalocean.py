"""The digitalocean provider conforms, with SeaweedFS for Spaces.

It takes conditions as this adapter sends them, the ETag without quotes, and bulk deletes that are
guarded by Content-MD5; it checks signatures, so the Spaces key is the one that is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from portable.testing import Harness, StorageConformance
from portable.testing.servers import S3Server, client, make_bucket
from portable.testing.targets.s3 import S3Oracle
from portable.testing.targets.spaces import isolate, spaces_harness

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

QUIRKS = {
    "segment_over_255": "SeaweedFS 4.48: segments are names of its folders",
    "odd_keys": "SeaweedFS 4.48: keys are cleaned like paths",
    "order_by_segment": "SeaweedFS 4.48 lists folder by folder",
    "empty_folders_kept": "SeaweedFS 4.48 removes empty folders later",
    "folders_are_objects": "SeaweedFS 4.48 answers for a folder",
    "commit_over_folder": "SeaweedFS 4.48 answers 500",
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


@pytest.mark.xdist_group("seaweedfs")
class TestSpaces(StorageConformance):
    """With conditional writes, as for a bucket that is known to enforce them."""

    root = False

    @pytest.fixture
    def harness(self, seaweed: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Harness]:
        """A new folder: the first write to a new bucket takes 200 ms here."""
        isolate(monkeypatch, seaweed.access_key, seaweed.secret_key)
        made: list[str] = []

        def bucket() -> str:
            made.append(f"spaces-{len(made)}")
            _create_once(seaweed, made[-1])
            return made[-1]

        home = f"{uuid4().hex[:12]}/"
        raw = _client(seaweed)
        yield spaces_harness(
            raw, make_bucket=bucket, endpoint=seaweed.endpoint, home=home, quirks=QUIRKS
        )
        for name in made:
            S3Oracle(raw, name, home=home).clear()
