"""Whom both engines trust, and as whom they come when keys change."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from portable.errors import Unavailable, Unsupported
from portable.testing.faults import FaultProxy
from portable.testing.servers import S3Server
from portable_aws import fast
from tests.tls import TlsServer, make_certificate

from .conftest import Open
from .test_engines import by_obstore


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def encrypted(proxy: FaultProxy, certificate: Path) -> Iterator[str]:
    """The server's endpoint over TLS, by a certificate of a private authority."""
    server = TlsServer(proxy.port, certificate)
    yield f"https://127.0.0.1:{server.port}"
    server.close()


@pytest.mark.parametrize("engine", ["sdk", "auto"])
def test_a_private_authority_is_trusted_once_it_is_named(
    open_bucket: Open, proxy: FaultProxy, encrypted: str, certificate: Path, engine: str
) -> None:
    """The SDK carries all of it: obstore would trust the usual authorities beside it."""
    bucket = open_bucket(engine, endpoint=encrypted, ca_bundle=str(certificate))
    bucket.put("a", b"1")
    assert bucket.get("a") == b"1"
    assert by_obstore(proxy) == [False, False]


@pytest.mark.parametrize("engine", ["sdk", "fast"])
def test_a_certificate_that_nobody_vouches_for_is_refused(
    open_bucket: Open,
    proxy: FaultProxy,
    encrypted: str,
    engine: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By both engines, before a request, or a signature, has left."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)  # with it, obstore isn't used
    bucket = open_bucket(engine, endpoint=encrypted, attempts=2)
    with pytest.raises(Unavailable):
        bucket.put("a", b"1")
    with pytest.raises(Unavailable):
        bucket.get("a")
    assert proxy.requests == []


def test_fast_with_a_private_authority_says_that_it_cant(
    open_bucket: Open, encrypted: str, certificate: Path
) -> None:
    bucket = open_bucket("fast", endpoint=encrypted, ca_bundle=str(certificate))
    with pytest.raises(Unsupported, match=r"engines\.md"):
        bucket.get("a")


@pytest.fixture
def keys(server: S3Server, of_aws: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file with the keys that a program gives, for so short a time that it is asked each time."""
    program, given = tmp_path / "program.py", tmp_path / "keys"
    program.write_text(f"print(open({str(given)!r}).read())")
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = {sys.executable} {program}\n")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    _give(given, server.access_key, server.secret_key)
    return given


def _give(given: Path, key: str, secret: str) -> None:
    until = datetime.now(UTC) + timedelta(minutes=5)  # boto3 asks again from 10 minutes on
    about = {"Version": 1, "AccessKeyId": key, "SecretAccessKey": secret}
    given.write_text(json.dumps(about | {"Expiration": until.isoformat()}))


def _users(proxy: FaultProxy) -> list[str]:
    found = [request.header("authorization") or "" for request in proxy.requests]
    return [each.partition("Credential=")[2].partition("/")[0] for each in found]


def test_keys_that_a_program_renews_are_used_by_both_engines(
    open_bucket: Open,
    proxy: FaultProxy,
    server: S3Server,
    keys: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """obstore asks again, too: here at once, else when its 5 minutes are over."""
    monkeypatch.setattr(fast, "REFRESH_SECONDS", 1.0)
    bucket = open_bucket("fast")
    bucket.put("a", b"1")
    iam: Any = boto3.session.Session().client("iam", endpoint_url=server.endpoint)
    other = iam.create_access_key(UserName="portable")["AccessKey"]
    _give(keys, other["AccessKeyId"], other["SecretAccessKey"])
    time.sleep(0.2)  # obstore asks ten times a second at most
    proxy.clear()
    assert bucket.get("a") == b"1"
    assert bucket.exists("a")
    assert by_obstore(proxy) == [True, False]
    assert _users(proxy) == [other["AccessKeyId"]] * 2


def test_keys_that_are_taken_back_early_cost_one_request_more(
    open_bucket: Open, proxy: FaultProxy, server: S3Server, keys: Path
) -> None:
    """obstore's are refused, and the SDK asks for new ones."""
    iam: Any = boto3.session.Session().client("iam", endpoint_url=server.endpoint)
    first = iam.create_access_key(UserName="portable")["AccessKey"]
    usual = json.loads(keys.read_text())
    _give(keys, first["AccessKeyId"], first["SecretAccessKey"])
    bucket = open_bucket("fast")
    bucket.put("a", b"1")
    _give(keys, usual["AccessKeyId"], usual["SecretAccessKey"])
    boto3.session.Session().client("iam", endpoint_url=server.endpoint).delete_access_key(
        UserName="portable", AccessKeyId=first["AccessKeyId"]
    )
    proxy.clear()
    assert bucket.get("a") == b"1"
    assert _users(proxy) == [first["AccessKeyId"], usual["AccessKeyId"]]
