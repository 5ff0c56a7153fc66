"""The suite over providers that are broken on purpose; `test_breaks` runs it and wants it red.

There is a class for each break on each target, and one without a break: ``TestMemorySound``,
``TestMemoryIgnorePrefix``, and so on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import boto3
import pytest
from moto import mock_aws

from portable.storage.streams import ObjectWriter
from portable.testing import Harness, StorageConformance
from portable.testing.breaks import BREAKS, broken
from portable.testing.targets.local import local_harness
from portable.testing.targets.memory import memory_harness
from portable.testing.targets.s3 import REGION, MotoOracle, isolate, s3_harness

SOUND = "sound"
EVERYWHERE = ("ignore_prefix", "ignore_if_absent", "mangle_keys", "commit_on_exception")
RUNS = [("memory", name) for name in [*BREAKS, "commit_on_exception"]] + [
    (target, name) for target in ("local", "aws") for name in EVERYWHERE
]
# The same as test_aws.py has: what moto itself gets wrong isn't what makes the suite red.
MOTO = {
    "in_process": "moto",
    "no_wire": "moto",
    "unsafe_threads": "moto",
    "commit_ignores_if_match": "moto",
    "copy_ignores_if_match": "moto",
    "uploads_undated": "moto",
}


def class_of(target: str, name: str) -> str:
    """The name of the class that runs the suite over *target* with one break."""
    return "Test" + f"{target}_{name}".title().replace("_", "")


def _suite(target: str, name: str) -> type[StorageConformance]:
    class Suite(StorageConformance):
        @pytest.fixture
        def harness(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Harness]:
            if name == "commit_on_exception":
                monkeypatch.setattr(ObjectWriter, "__exit__", lambda writer, *_: writer.close())
            for harness in _harness(target, monkeypatch, tmp_path):
                yield broken(harness, name) if name in BREAKS else harness

    Suite.__name__ = Suite.__qualname__ = class_of(target, name)
    return Suite


def _harness(target: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[Harness]:
    if target == "memory":
        yield memory_harness()
    elif target == "local":
        yield local_harness(folder, durability="fast")
    else:
        with mock_aws():
            isolate(monkeypatch)
            client = boto3.session.Session().client("s3", region_name=REGION)

            def make_bucket() -> str:
                name = f"portable-{uuid4().hex[:12]}"
                client.create_bucket(Bucket=name)
                return name

            yield s3_harness(client, make_bucket=make_bucket, oracle=MotoOracle, quirks=MOTO)


for _run in [*RUNS, *((target, SOUND) for target in ("memory", "local", "aws"))]:
    globals()[class_of(*_run)] = _suite(*_run)
