"""A bucket in a folder, watched, and caches of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from portable.cache import Cache
from portable.storage import Bucket
from portable.testing.drivers import Watch
from portable.testing.targets.local import open_local_bucket
from tests.cache.looking import MakeCache


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Bucket]:
    opened = open_local_bucket(tmp_path / "bucket", durability="fast")
    yield opened
    opened.close()


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def make(bucket: Bucket, watch: Watch, tmp_path: Path) -> MakeCache:
    """Make a cache; what it asks the bucket for is in `watch`."""
    watched = watch.on(bucket)

    def make(**options: object) -> Cache:
        return Cache(watched, tmp_path / "cache", **options)  # type: ignore[arg-type]

    return make
