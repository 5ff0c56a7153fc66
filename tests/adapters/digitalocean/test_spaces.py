"""What the adapter of Spaces does otherwise than that of S3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner

import portable
from portable.cli.app import app
from portable.errors import ConfigError, Unauthenticated, Unsupported
from portable.storage import Bucket
from portable.testing.faults import Fault, FaultProxy, Request, error_answer
from portable.testing.servers import S3Server, moto_server, running_with_bucket, seaweedfs
from portable.testing.targets.spaces import isolate, open_spaces_bucket
from portable_digitalocean.settings import SpacesSettings
from portable_digitalocean.storage import KEYS, connect_fast, keys_of_environment

BUCKET = "spaces-tests"
SETTINGS = SpacesSettings(bucket="acme-ml", region="nyc3")
CONDITIONS = frozenset({"if-match", "if-none-match"})


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, "spaces-key", "spaces-secret")


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with running_with_bucket(seaweedfs, BUCKET) as server:
        yield server


@pytest.fixture
def proxy(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    isolate(monkeypatch, server.access_key, server.secret_key)
    with FaultProxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def careless() -> Iterator[FaultProxy]:
    """A server that ignores conditions: moto, since signatures cover them, and it checks none."""
    with running_with_bucket(moto_server, BUCKET) as server, FaultProxy(server.port) as proxy:
        proxy.add(Fault("strip", headers=CONDITIONS, times=None))
        yield proxy


@pytest.fixture
def bucket(proxy: FaultProxy) -> Iterator[Bucket]:
    """As Spaces is met at first: its conditions aren't trusted."""
    bucket = open_spaces_bucket(BUCKET, endpoint=proxy.endpoint, engine="sdk")
    yield bucket
    bucket.delete_prefix("d")
    bucket.close()


def _headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers}


def test_urls_name_bucket_prefix_and_region() -> None:
    bucket = portable.open_bucket("spaces://acme-ml/team-a?region=nyc3")
    assert (bucket.url, bucket.provider) == ("spaces://acme-ml/team-a", "digitalocean")
    with pytest.raises(ConfigError, match="region"):
        portable.open_bucket("spaces://acme-ml")


@pytest.mark.parametrize(
    ("changed", "word"),
    [({"region": "eu-west-1"}, "'region'"), ({"bucket": "UPPER"}, "'bucket'")],
)
def test_settings_of_another_provider_are_refused(changed: dict[str, Any], word: str) -> None:
    assert any(word in each for each in replace(SETTINGS, **changed).problems())
    assert SETTINGS.problems() == []


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("acme-ml", "https://acme-ml.nyc3.digitaloceanspaces.com/a%20b?"),
        ("acme.ml", "https://nyc3.digitaloceanspaces.com/acme.ml/a%20b?"),
    ],
)
def test_requests_go_to_the_datacenter_with_the_spaces_key(name: str, address: str) -> None:
    """To the bucket's own host, unless the certificate wouldn't cover its name."""
    bucket = open_spaces_bucket(name)
    url = bucket.sign("a b").url
    assert url.startswith(address)
    assert "spaces-key%2F" in url
    assert "%2Fnyc3%2Fs3%2F" in url
    assert "spaces-secret" not in url
    bucket.close()


def test_terraforms_names_come_before_those_of_the_examples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SPACES_KEY", "other")
    monkeypatch.setenv("SPACES_SECRET", "other")
    assert keys_of_environment() == ("spaces-key", "spaces-secret")
    monkeypatch.delenv("SPACES_ACCESS_KEY_ID")
    assert keys_of_environment() == ("other", "other")
    monkeypatch.delenv("SPACES_SECRET")
    assert keys_of_environment() is None


def test_without_a_key_the_error_names_those_of_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not those of AWS, whose driver it is."""
    for name in (*KEYS[0], *KEYS[1], "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    bucket = portable.open_bucket("spaces://acme-ml?region=nyc3")
    for call in (lambda: bucket.get("a"), lambda: list(bucket.list())):
        with pytest.raises(Unauthenticated, match="check SPACES_ACCESS_KEY_ID and SPACES_SECRET"):
            call()


@pytest.mark.parametrize("engine", ["sdk", "fast"])
def test_both_engines_use_the_spaces_key(server: S3Server, proxy: FaultProxy, engine: Any) -> None:
    bucket = open_spaces_bucket(BUCKET, endpoint=proxy.endpoint, engine=engine)
    bucket.put("dir/a", b"body")
    assert bucket.get("dir/a") == b"body"
    assert proxy.requests
    for request in proxy.requests:
        assert f"Credential={server.access_key}/" in _headers(request)["authorization"]
    bucket.delete("dir/a")
    bucket.close()


def test_condition_is_refused_before_any_request(bucket: Bucket, proxy: FaultProxy) -> None:
    """Unless the user says that the bucket enforces them: one that isn't would lose data."""
    info = bucket.put("dir/a", b"1")
    sent = len(proxy.requests)
    with pytest.raises(Unsupported):
        bucket.put("dir/a", b"2", if_match=info.revision)
    with pytest.raises(Unsupported):
        bucket.put("dir/a", b"2", if_absent=True)
    assert len(proxy.requests) == sent
    assert bucket.get("dir/a") == b"1"


def test_condition_is_sent_without_quotes(proxy: FaultProxy) -> None:
    """Spaces doesn't know its own ETag in quotes."""
    bucket = open_spaces_bucket(
        BUCKET, endpoint=proxy.endpoint, engine="sdk", conditional_writes=True
    )
    info = bucket.put("dir/a", b"1")
    proxy.add(Fault("pass", method="PUT"))
    bucket.put("dir/a", b"2", if_match=info.revision)
    assert _headers(proxy.requests[-1])["if-match"] == info.revision.strip('"')
    bucket.delete("dir/a")
    bucket.close()


def test_no_newer_checksums_are_sent(bucket: Bucket, proxy: FaultProxy) -> None:
    """Content-MD5 guards writes and bulk deletes alike."""
    for name in "ab":
        bucket.put(f"dir/{name}", b"body")
    assert bucket.delete_many(["dir/a", "dir/b"]).deleted == 2
    guarded = [request for request in proxy.requests if request.method in ("PUT", "POST")]
    assert len(guarded) == 3
    for request in guarded:
        assert "content-md5" in _headers(request)
        assert not [name for name in _headers(request) if "checksum" in name]


def test_bulk_delete_that_is_refused_goes_one_by_one(bucket: Bucket, proxy: FaultProxy) -> None:
    """And is asked for once only."""
    proxy.add(
        Fault("status", method="POST", answer=error_answer(501, "NotImplemented"), times=None)
    )
    for names in (["dir/a", "dir/b"], ["dir/c", "dir/d"]):
        for name in names:
            bucket.put(name, b"body")
        assert bucket.delete_many(names).deleted == 2
    assert list(bucket.list()) == []
    assert [request.method for request in proxy.requests].count("POST") == 1


def test_a_server_that_ignores_conditions_is_found_out(careless: FaultProxy) -> None:
    """By the doctor, of a bucket that was said to enforce them; one that wasn't refuses them."""
    url = f"spaces://{BUCKET}?region=nyc3&endpoint={careless.endpoint}"
    trusting = _doctor(f"{url}&conditional_writes=true")
    failed = {name: check for name, check in trusting.items() if check["status"] == "failed"}
    assert set(failed) == {"if_absent", "if_match"}
    for check in failed.values():
        assert "doesn't keep conditions" in check["detail"]
        assert "conditional_writes = false" in check["advice"]
    wary = _doctor(url)
    assert [wary[name]["status"] for name in ("if_absent", "if_match", "write")] == [
        "skipped",
        "skipped",
        "ok",
    ]
    bucket = portable.open_bucket(url)
    sent = len(careless.requests)
    with pytest.raises(Unsupported):
        bucket.put("dir/a", b"1", if_absent=True)
    assert len(careless.requests) == sent
    bucket.close()


def _doctor(url: str) -> dict[str, Any]:
    told = json.loads(CliRunner().invoke(app, ["doctor", url, "--json"]).stdout)
    return {check["name"]: check for check in told["checks"]}


def test_both_engines_say_the_same_of_the_bucket() -> None:
    fast = connect_fast(SETTINGS)
    assert fast.capabilities == fast.inner.capabilities
    fast.close()
