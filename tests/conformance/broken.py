"""The suite over a provider that is broken on purpose; `test_breaks` runs it and wants it red."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import boto3
import pytest
from moto import mock_aws

from portable.storage.streams import ObjectWriter
from portable.testing import Harness, StorageConformance
from portable.testing.breaks import broken
from portable.testing.targets.local import local_harness
from portable.testing.targets.memory import memory_harness
from portable.testing.targets.s3 import REGION, MotoOracle, isolate, s3_harness

BREAK = os.environ.get("PORTABLE_BREAK", "")
TARGET = os.environ.get("PORTABLE_BREAK_TARGET", "memory")
# The same as test_aws.py has: what moto itself gets wrong isn't what makes the suite red.
MOTO = {
    "in_process": "moto",
    "no_wire": "moto",
    "unsafe_threads": "moto",
    "commit_ignores_if_match": "moto",
    "copy_ignores_if_match": "moto",
    "uploads_undated": "moto",
}


class TestBroken(StorageConformance):
    """One provider with one break."""

    @pytest.fixture
    def harness(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Harness]:
        """As the environment says."""
        if BREAK == "commit_on_exception":
            monkeypatch.setattr(ObjectWriter, "__exit__", lambda writer, *_: writer.close())
        if TARGET == "aws":
            with mock_aws():
                isolate(monkeypatch)
                client = boto3.session.Session().client("s3", region_name=REGION)

                def make_bucket() -> str:
                    name = f"portable-{uuid4().hex[:12]}"
                    client.create_bucket(Bucket=name)
                    return name

                harness = s3_harness(
                    client, make_bucket=make_bucket, oracle=MotoOracle, quirks=MOTO
                )
                yield _spoiled(harness)
        elif TARGET == "local":
            yield _spoiled(local_harness(tmp_path, durability="fast"))
        else:
            yield _spoiled(memory_harness())


def _spoiled(harness: Harness) -> Harness:
    return harness if BREAK in ("", "commit_on_exception") else broken(harness, BREAK)
