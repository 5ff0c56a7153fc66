"""A fake server, a proxy in front, and an environment without anybody's credentials."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from portable.retry import Surroundings
from portable.storage import Bucket
from portable.testing.fakes.gcs import FakeGcs
from portable.testing.faults import FaultProxy
from portable.testing.targets.gcs import isolate, open_gcs_bucket
from portable_gcp.settings import GcsSettings
from portable_gcp.storage import GcsStorage

BUCKET = "gcp-tests"
Open = Callable[..., Bucket]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch)


@pytest.fixture(scope="session")
def shared_fake() -> Iterator[FakeGcs]:
    with FakeGcs(rewrite_bytes=6 * 1024**2) as server:
        yield server


@pytest.fixture
def fake(shared_fake: FakeGcs) -> FakeGcs:
    """One with an empty bucket."""
    shared_fake.make_bucket(BUCKET)
    return shared_fake


@pytest.fixture(scope="session")
def shared_proxy(shared_fake: FakeGcs) -> Iterator[FaultProxy]:
    port = int(shared_fake.endpoint.rpartition(":")[2])
    with FaultProxy(port, keep_bodies=True) as proxy:
        yield proxy


@pytest.fixture
def open_bucket(fake: FakeGcs, proxy: FaultProxy) -> Iterator[Open]:
    """Opens the bucket through the proxy, without waiting between attempts."""
    opened: list[Bucket] = []

    def open_it(bucket: str = BUCKET, prefix: str = "", **settings: Any) -> Bucket:
        made = open_gcs_bucket(
            bucket, prefix, **{"endpoint": proxy.endpoint, "engine": "sdk", **settings}
        )
        made._connection.surroundings = Surroundings(sleep=lambda _: None)
        opened.append(made)
        return made

    yield open_it
    for bucket in opened:
        bucket.close()


@pytest.fixture
def bucket(open_bucket: Open) -> Bucket:
    return open_bucket()


@pytest.fixture
def driver(fake: FakeGcs) -> Iterator[GcsStorage]:
    """One without the core around it."""
    driver = GcsStorage(GcsSettings(bucket=BUCKET, endpoint=fake.endpoint))
    yield driver
    driver.close()


@pytest.fixture
def key_file(fake: FakeGcs, tmp_path: Path) -> str:
    """A service account's."""
    path = tmp_path / "account.json"
    path.write_text(json.dumps(fake.account()))
    return str(path)
