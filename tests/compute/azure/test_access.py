"""Whose requests these are, and over what they are sent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from portable.errors import Unauthenticated, Unavailable
from portable.testing.fakes.arm import FakeArm
from portable.testing.targets.arm import connect
from tests.tls import TlsServer, make_certificate

scopes_asked: list[str] = []


class Somebody:
    """An identity that always has a token."""

    def get_token(self, *scopes: str, **_options: object) -> AccessToken:
        scopes_asked.extend(scopes)
        return AccessToken("a-token", int(time.time()) + 3600)


class Stranger:
    """An identity that isn't known."""

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        raise ClientAuthenticationError("DefaultAzureCredential failed to retrieve a token")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def encrypted(server: FakeArm, certificate: Path) -> Iterator[str]:
    """The fake's endpoint over TLS, by a certificate of a private authority."""
    port = urlsplit(server.endpoint).port
    assert port is not None
    tls = TlsServer(port, certificate)
    yield f"https://127.0.0.1:{tls.port}"
    tls.close()


def test_token_goes_with_each_request_over_tls(
    server: FakeArm, encrypted: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is for this server alone; a private authority has to be named."""
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", Somebody)
    scopes_asked.clear()
    driver = connect(server, endpoint=encrypted, ca_bundle=str(certificate))
    assert list(driver.list({})) == []
    assert [each.headers["authorization"] for each in server.requests] == ["Bearer a-token"]
    assert scopes_asked == [f"{encrypted}/.default"]
    assert "a-token" not in repr(driver)
    driver.close()


def test_server_that_nobody_vouches_for_is_sent_nothing(
    server: FakeArm, encrypted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", Somebody)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    driver = connect(server, endpoint=encrypted)
    with pytest.raises(Unavailable, match="'ca_bundle'") as caught:
        list(driver.list({}))
    assert not caught.value.retryable
    assert server.requests == []
    driver.close()


def test_identity_that_isnt_known_says_what_to_do(
    server: FakeArm, encrypted: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", Stranger)
    driver = connect(server, endpoint=encrypted, ca_bundle=str(certificate))
    with pytest.raises(Unauthenticated, match="az login"):
        list(driver.list({}))
    assert server.requests == []
    driver.close()
