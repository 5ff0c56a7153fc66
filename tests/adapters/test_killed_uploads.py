"""A killed upload of one large file goes on with the parts that each cloud has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import portable
from portable.testing import emulate
from portable.testing.emulators import BUCKET, Emulation
from portable.testing.servers import required
from portable.transfers import routes
from tests.transfers.test_resume import LARGE, MIB, counting, killed

PROVIDERS = {"gcp": "gs", "azure": "az", "digitalocean": "spaces"}


@pytest.fixture(scope="module")
def emulation() -> Iterator[Emulation]:
    with required(emulate(*PROVIDERS)) as emulation:
        yield emulation


@pytest.mark.parametrize("provider", PROVIDERS)
def test_it_goes_on(
    emulation: Emulation, provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what the server drops meanwhile is sent again, as ever."""
    monkeypatch.setenv("PORTABLE_CACHE", str(tmp_path / "cache"))
    endpoint = next(iter(emulation.providers[provider].servers.values()))
    region = "&region=nyc3" if provider == "digitalocean" else ""
    url = f"{PROVIDERS[provider]}://{BUCKET}/killed?endpoint={endpoint}{region}"
    source = tmp_path / "source"
    source.mkdir()
    (source / "large").write_bytes(LARGE)
    monkeypatch.setattr(routes, "RESUMED_BYTES", MIB)
    for dropped in (False, True):
        killed(str(source), url, what="bytes", enough=8 * MIB, resumed=MIB)
        bucket = portable.open_bucket(url)
        assert not bucket.exists("large")
        if dropped:
            assert bucket.abort_stale_uploads(0) == 1
        with monkeypatch.context() as patch:
            sent = counting(patch, bucket._connection.driver, "upload_part")
            assert bucket.upload(source).sent == 1
        assert len(sent) == 4 if dropped else len(sent) < 4
        assert bucket.get("large") == LARGE
        assert bucket.abort_stale_uploads(0) == 0
        bucket.delete("large")
    assert not list(Path(os.environ["PORTABLE_CACHE"]).rglob("*.jsonl"))
