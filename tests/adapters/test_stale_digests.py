"""Another tool replaced the content and kept our metadata, with the digest of the old content.

The server's own digest shows that the bytes are right; where nothing shows it, they are refused.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from azure.storage.blob import ContainerClient

import portable
from portable.cache import Cache
from portable.errors import IntegrityError
from portable.storage import Bucket, TransferReport
from portable.storage.checksums import as_checksum
from portable.testing import Oracle, emulate
from portable.testing.emulators import BUCKET, Emulation
from portable.testing.faults import Fault, FaultProxy
from portable.testing.servers import required
from portable.testing.targets.azure import AzureOracle
from portable.testing.targets.gcs import GcsOracle, sdk_client
from portable.testing.targets.s3 import S3Oracle
from portable.transfers.engine import Plan, transfer
from portable.transfers.places import shelf

PROVIDERS = ("aws", "gcp", "azure", "digitalocean")
KEY = "dir/object"
OLD, NEW = b"what was there before", b"what another tool wrote"


@pytest.fixture(scope="module")
def emulation() -> Iterator[Emulation]:
    with required(emulate(*PROVIDERS)) as emulation:
        yield emulation


@pytest.fixture(autouse=True)
def forgetful(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What transfers remember is each test's own."""
    monkeypatch.setenv("PORTABLE_CACHE", str(tmp_path / "cache"))


@dataclass
class Case:
    """One provider and engine."""

    bucket: Bucket
    oracle: Oracle
    proxy: FaultProxy

    def replace(self, data: bytes) -> None:
        """Put *data* with the metadata that is there, as tools do that copy it."""
        self.oracle.write(KEY, data, metadata=self.oracle.metadata(KEY))


@pytest.fixture(
    params=[
        ("aws", "sdk"),
        ("aws", "fast"),
        ("gcp", ""),
        ("azure", ""),
        ("digitalocean", "sdk"),
        ("digitalocean", "fast"),
    ],
    ids="-".join,
)
def case(request: pytest.FixtureRequest, emulation: Emulation) -> Iterator[Case]:
    name, engine = request.param
    endpoint = next(iter(emulation.providers[name].servers.values()))  # that of storage
    where = urlsplit(endpoint)
    settings: dict[str, Any] = {"engine": engine} if engine else {}
    if name == "aws":
        settings["checksums"] = "when_required"  # the digest is in the metadata only
    with portable.profile(name), FaultProxy(where.port or 0) as proxy:
        settings["endpoint"] = proxy.endpoint + where.path
        query = "&".join(f"{setting}={value}" for setting, value in settings.items())
        scheme = {"aws": "s3", "gcp": "gs", "azure": "az", "digitalocean": "spaces"}[name]
        region = "region=nyc3&" if name == "digitalocean" else ""
        bucket = portable.open_bucket(f"{scheme}://{BUCKET}?{region}{query}")
        bucket.put(KEY, OLD)
        yield Case(bucket, _oracle(name, endpoint), proxy)
        bucket.delete(KEY)
        bucket.close()


def _oracle(name: str, endpoint: str) -> Oracle:
    if name == "gcp":
        return GcsOracle(sdk_client(endpoint), endpoint, BUCKET)
    if name == "azure":
        said = os.environ["AZURE_STORAGE_CONNECTION_STRING"]
        return AzureOracle(ContainerClient.from_connection_string(said, BUCKET))
    keys: dict[str, Any] = {}
    if name == "digitalocean":
        keys = {
            "aws_access_key_id": os.environ["SPACES_ACCESS_KEY_ID"],
            "aws_secret_access_key": os.environ["SPACES_SECRET_ACCESS_KEY"],
        }
    s3 = boto3.session.Session().client("s3", endpoint_url=endpoint, **keys)
    return S3Oracle(s3, BUCKET, stamps=True)


def test_content_that_another_tool_replaced_is_read(case: Case, tmp_path: Path) -> None:
    """Each way to read it all."""
    case.replace(NEW)
    assert case.bucket.get(KEY) == NEW
    with case.bucket.open(KEY) as file:
        assert file.read() == NEW
    case.bucket.download("dir", tmp_path)
    assert (tmp_path / "object").read_bytes() == NEW


def test_it_is_kept_in_a_cache_and_copied(case: Case, tmp_path: Path) -> None:
    """With the digest of what is there now."""
    case.replace(NEW)
    cache = Cache(case.bucket, tmp_path)
    for _ in range(2):
        assert cache.get(KEY) == NEW
    other = portable.open_bucket("memory://stale")
    assert case.bucket.copy(KEY, KEY, to=other).checksum == other.put("same", NEW).checksum
    assert other.get(KEY) == NEW


def test_a_large_one_is_read(case: Case) -> None:
    """In several parts at once, and then once more."""
    large = NEW * 400_000  # 9 MB
    case.replace(large)
    assert case.bucket.get(KEY) == large


def test_a_large_one_is_copied(case: Case) -> None:
    """To a server that is told the digest before the parts."""
    large = NEW * 400_000
    case.replace(large)
    with portable.profile("digitalocean"):
        spaces = portable.open_bucket()
    target = f"from/{case.bucket.provider}"
    copied = case.bucket.copy(KEY, target, to=spaces)
    assert spaces.stat(target).checksum == copied.checksum == as_checksum(zlib.crc32(large))
    assert spaces.get(target) == large


def test_a_folder_is_synced_by_what_is_there_now(case: Case, tmp_path: Path) -> None:
    """Up and down: that the digest which was left is that of the file here counts for nothing."""
    edited = OLD.swapcase()
    for way in ("up", "down"):
        (tmp_path / way).mkdir()
        (tmp_path / way / "object").write_bytes(OLD)
    case.replace(edited)
    assert case.bucket.download("dir", tmp_path / "down").sent == 1
    assert (tmp_path / "down" / "object").read_bytes() == edited
    assert case.bucket.upload(tmp_path / "up", "dir").sent == 1
    assert case.bucket.get(KEY) == OLD


def test_what_another_tool_stored_isnt_sent_again(case: Case, tmp_path: Path) -> None:
    """The server's own digest is that of the file."""
    case.oracle.write(KEY, NEW)
    for way in ("up", "down"):
        (tmp_path / way).mkdir()
        (tmp_path / way / "object").write_bytes(NEW)
    assert case.bucket.upload(tmp_path / "up", "dir").skipped == 1
    assert case.bucket.download("dir", tmp_path / "down").skipped == 1


def test_buckets_are_synced_by_what_is_there_now(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of the two was edited; nothing is remembered."""
    edited = OLD.swapcase()
    with portable.profile("gcp" if case.bucket.provider == "azure" else "azure"):
        other = portable.open_bucket()
    for way in ("there", "back"):
        monkeypatch.setenv("PORTABLE_CACHE", str(tmp_path / way))
        other.put("dir/object", OLD)
        case.replace(edited)
        source, target = (case.bucket, other) if way == "there" else (other, case.bucket)
        assert _synced(source, target).sent == 1
        assert target.get(KEY) == (edited if way == "there" else OLD)
        monkeypatch.setenv("PORTABLE_CACHE", str(tmp_path / f"{way}-again"))
        assert _synced(source, target).skipped == 1


def _synced(source: Bucket, target: Bucket) -> TransferReport:
    places = [shelf(bucket._connection, "dir") for bucket in (source, target)]
    return transfer(Plan(source=places[0], target=places[1]))


def test_content_that_nothing_proves_is_refused(case: Case) -> None:
    """The server has no digest of it, or another one."""
    assert case.oracle.damage(KEY)
    with pytest.raises(IntegrityError):
        case.bucket.get(KEY)
    with pytest.raises(IntegrityError), case.bucket.open(KEY) as file:
        file.read()


@pytest.mark.parametrize("is_stale", [True, False])
def test_a_bit_that_flips_on_the_way_each_time_is_refused(case: Case, is_stale: bool) -> None:
    """The server's digest doesn't let it pass."""
    if is_stale:
        case.replace(NEW)
    case.proxy.add(Fault("flip_down", method="GET", path=KEY.rpartition("/")[2], at=3, times=None))
    with pytest.raises(IntegrityError):
        case.bucket.get(KEY)
    case.proxy.clear()
    assert case.bucket.get(KEY) == (NEW if is_stale else OLD)
