"""Pub/Sub's errors as ours: every status, credentials, and connections that aren't made."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest

from portable.errors import (
    AlreadyExists,
    ConfigError,
    InvalidArgument,
    PermissionDenied,
    PortableError,
    QueueNotFound,
    Throttled,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from portable.testing.fakes.gcs import FakeGcs
from portable.testing.fakes.pubsub import FakePubSub, Fault
from portable.testing.targets import gcs
from portable.testing.targets.pubsub import isolate
from portable_gcp.queue import PubSubQueue
from portable_gcp.queue_errors import BY_STATUS
from portable_gcp.queue_settings import PubSubSettings
from tests.tls import make_certificate

Code = grpc.StatusCode


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch)
    gcs.isolate(monkeypatch)


@pytest.fixture
def server() -> Iterator[FakePubSub]:
    with FakePubSub() as server:
        yield server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secured(certificate: Path) -> Iterator[FakePubSub]:
    """A server that speaks TLS."""
    key, own = certificate.with_name("key.pem"), certificate.with_name("certificate.pem")
    pair = (key.read_bytes(), own.read_bytes())
    with FakePubSub(secured=grpc.ssl_server_credentials([pair])) as server:
        yield server


@pytest.fixture
def authority(certificate: Path) -> str:
    return str(certificate.with_name("certificate.pem"))


def driver_to(endpoint: str, **settings: Any) -> PubSubQueue:
    about = {"name": "jobs", "project": "testing", "timeout": 10.0, **settings}
    return PubSubQueue(PubSubSettings(endpoint=endpoint, **about))


def failure(driver: PubSubQueue) -> PortableError:
    """What a request raises."""
    with closing(driver), pytest.raises(PortableError) as caught:
        driver.stats()
    return caught.value


class TestStatuses:
    def test_every_status_has_its_row(self) -> None:
        assert set(BY_STATUS) == set(Code) - {Code.OK}

    @pytest.mark.parametrize(
        ("code", "kind", "retryable", "ambiguous"),
        [
            (Code.CANCELLED, Unavailable, True, True),
            (Code.UNKNOWN, Unavailable, True, True),
            (Code.INVALID_ARGUMENT, InvalidArgument, False, False),
            (Code.DEADLINE_EXCEEDED, Unavailable, True, True),
            (Code.NOT_FOUND, QueueNotFound, False, False),
            (Code.ALREADY_EXISTS, AlreadyExists, False, False),
            (Code.PERMISSION_DENIED, PermissionDenied, False, False),
            (Code.RESOURCE_EXHAUSTED, Throttled, True, False),
            (Code.FAILED_PRECONDITION, ConfigError, False, False),
            (Code.ABORTED, Unavailable, True, True),
            (Code.OUT_OF_RANGE, InvalidArgument, False, False),
            (Code.UNIMPLEMENTED, Unsupported, False, False),
            (Code.INTERNAL, Unavailable, True, True),
            (Code.UNAVAILABLE, Unavailable, True, True),
            (Code.DATA_LOSS, Unavailable, True, True),
            (Code.UNAUTHENTICATED, Unauthenticated, False, False),
        ],
    )
    def test_a_status_means(
        self,
        server: FakePubSub,
        code: grpc.StatusCode,
        kind: type[PortableError],
        retryable: bool,
        ambiguous: bool,
    ) -> None:
        server.add(Fault("*", code, times=None, words="the server's words"))
        error = failure(driver_to(server.endpoint))
        assert type(error) is kind
        assert (error.retryable, error.ambiguous) == (retryable, ambiguous)
        assert "the server's words" in str(error)
        assert isinstance(error.__cause__, grpc.RpcError)

    def test_what_is_missing_and_what_is_forbidden_have_advice(self, server: FakePubSub) -> None:
        server.add(Fault("*", Code.PERMISSION_DENIED, times=None))
        assert "allow" in str(failure(driver_to(server.endpoint)))


class TestConnections:
    def test_nobody_listens(self) -> None:
        with FakePubSub() as server:
            endpoint = server.endpoint
        error = failure(driver_to(endpoint))
        assert isinstance(error, Unavailable)
        assert (error.retryable, error.ambiguous) == (True, False)
        assert "nothing was sent" in str(error)

    def test_a_server_that_comes_back_is_found_soon(self) -> None:
        with FakePubSub() as server:
            port = int(server.host.rpartition(":")[2])
            driver = driver_to(server.endpoint)
            driver.create()
        with pytest.raises(Unavailable):
            driver.purge()
        with FakePubSub(port), closing(driver):
            for _ in range(100):
                try:
                    driver.create()
                except Unavailable:
                    threading.Event().wait(0.1)
                else:
                    break
            driver.stats()

    def test_a_server_without_tls_is_not_trusted(self, server: FakePubSub) -> None:
        error = failure(driver_to(server.endpoint.replace("http", "https"), anonymous=True))
        assert isinstance(error, Unavailable)

    def test_a_certificate_of_strangers_is_refused_and_a_known_one_taken(
        self, secured: FakePubSub, authority: str
    ) -> None:
        error = failure(driver_to(secured.endpoint, anonymous=True))
        assert not error.retryable
        assert "ca_bundle" in str(error)
        driver = driver_to(secured.endpoint, anonymous=True, ca_bundle=authority)
        driver.create()
        driver.close()

    def test_authorities_that_can_not_be_read_are_a_wrong_setting(self, tmp_path: Path) -> None:
        missing = str(tmp_path / "none.pem")
        error = failure(driver_to("https://localhost:1", anonymous=True, ca_bundle=missing))
        assert isinstance(error, ConfigError)

    def test_a_server_that_says_nothing_is_given_up(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            error = failure(driver_to(f"http://127.0.0.1:{port}", timeout=0.3))
        assert isinstance(error, Unavailable)


class TestCredentials:
    def test_without_any_nothing_is_sent(self) -> None:
        error = failure(driver_to("https://pubsub.invalid"))
        assert isinstance(error, Unauthenticated)
        assert "credentials_file" in str(error)

    def test_the_token_of_an_account_goes_along(
        self, secured: FakePubSub, authority: str, tmp_path: Path
    ) -> None:
        with FakeGcs() as tokens:
            file = key_file(tokens, tmp_path)
            driver = driver_to(secured.endpoint, credentials_file=file, ca_bundle=authority)
            driver.create()
            driver.close()
        (token,) = secured.tokens
        assert token

    def test_a_token_server_that_can_not_be_reached_is_told(
        self, secured: FakePubSub, authority: str, tmp_path: Path
    ) -> None:
        with FakeGcs() as tokens:
            file = key_file(tokens, tmp_path)
        error = failure(driver_to(secured.endpoint, credentials_file=file, ca_bundle=authority))
        assert isinstance(error, Unavailable)
        assert not error.ambiguous
        assert "tokens" in str(error)
        assert secured.requests == []

    def test_an_account_that_is_refused_a_token_is_unauthenticated(
        self, secured: FakePubSub, authority: str, tmp_path: Path
    ) -> None:
        with FakeGcs() as tokens:
            another = FakeGcs().account("stranger")["private_key"]
            file = key_file(tokens, tmp_path, private_key=another)
            error = failure(driver_to(secured.endpoint, credentials_file=file, ca_bundle=authority))
        assert type(error) is Unauthenticated
        assert "PRIVATE" not in str(error)
        assert not error.retryable


def key_file(tokens: FakeGcs, folder: Path, **changed: str) -> str:
    """A service account's."""
    file = folder / "account.json"
    file.write_text(json.dumps({**tokens.account(), **changed}))
    return str(file)
