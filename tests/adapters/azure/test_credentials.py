"""Where the account and its credentials come from, and where they don't go."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.storage.blob import (
    BlobServiceClient,
    ContainerSasPermissions,
    UserDelegationKey,
    generate_container_sas,
)

from portable.errors import (
    ConfigError,
    CredentialsExpired,
    EndpointRefused,
    PermissionDenied,
    PortableError,
    Unauthenticated,
    Unsupported,
)
from portable.testing.faults import Fault, FaultProxy
from portable.testing.servers import AzuriteServer
from portable_azure import credentials
from portable_azure.client import API_VERSION
from portable_azure.credentials import find_access
from portable_azure.settings import AzureSettings
from portable_azure.storage import AzureStorage
from portable_azure.transport import Transport

if TYPE_CHECKING:
    from azure.core.pipeline.transport import HttpRequest

pytestmark = pytest.mark.xdist_group("azurite")
KEY = "Y2FuYXJ5LWtleQ=="  # "canary-key"
SAS = "sv=2026-02-06&sig=canary-signature"


def settings(**given: Any) -> AzureSettings:
    return AzureSettings(container="photos", **given)


def sas(server: AzuriteServer, *, hours: float, permission: str = "rwdlc") -> str:
    """A signature for the container of these tests."""
    return generate_container_sas(
        server.account,
        "azure-tests",
        account_key=server.key,
        permission=ContainerSasPermissions.from_string(permission),
        expiry=datetime.now(UTC) + timedelta(hours=hours),
    )


def shown_by(error: BaseException | None) -> str:
    """Its text, and what our own frames held when it was raised."""
    shown = []
    while error is not None:
        shown += traceback.format_exception(error)
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if str(frame.f_globals.get("__name__")).startswith("portable"):
                shown += map(repr, frame.f_locals.values())
        error = error.__cause__ or error.__context__
    return "".join(shown)


class TestEnvironment:
    def test_a_key_and_its_account(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "acme")
        monkeypatch.setenv("AZURE_STORAGE_KEY", KEY)
        found = find_access(settings())
        assert (found.account, found.key) == ("acme", KEY)
        assert found.endpoint == "https://acme.blob.core.windows.net"

    def test_a_connection_string(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its own account, key and suffix; `==` at a key's end is part of it."""
        text = f"DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={KEY};"
        monkeypatch.setenv(
            "AZURE_STORAGE_CONNECTION_STRING", f"{text}EndpointSuffix=core.chinacloudapi.cn"
        )
        found = find_access(settings())
        assert (found.account, found.key) == ("acme", KEY)
        assert found.endpoint == "https://acme.blob.core.chinacloudapi.cn"

    def test_a_connection_string_with_a_signature(self, monkeypatch: pytest.MonkeyPatch) -> None:
        text = f"BlobEndpoint=https://acme.blob.core.windows.net/;SharedAccessSignature={SAS}"
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", text)
        found = find_access(settings())
        assert (found.account, found.sas, found.key) == ("acme", SAS, None)

    def test_the_word_for_azurite(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "UseDevelopmentStorage=true")
        found = find_access(settings())
        assert found.endpoint == "http://127.0.0.1:10000/devstoreaccount1"
        assert found.account == "devstoreaccount1"

    def test_another_accounts_credentials_are_left_alone(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One process may use two accounts, and only one is in the environment."""
        text = f"AccountName=acme;AccountKey={KEY}"
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", text)
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "acme")
        monkeypatch.setenv("AZURE_STORAGE_KEY", KEY)
        found = find_access(settings(account="other"))
        assert (found.account, found.key, found.sas) == ("other", None, None)
        assert found.endpoint == "https://other.blob.core.windows.net"
        assert found.identity is not None

    def test_no_account_at_all(self) -> None:
        with pytest.raises(ConfigError, match="AZURE_STORAGE_ACCOUNT"):
            find_access(settings())

    def test_a_broken_connection_string_is_not_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "canary")
        with pytest.raises(ConfigError) as caught:
            find_access(settings())
        assert "canary" not in str(caught.value)

    @pytest.mark.parametrize(
        "endpoint", ["http://acme.blob.core.windows.net", "http://169.254.169.254/acme"]
    )
    def test_a_connection_strings_endpoint_is_checked(
        self, monkeypatch: pytest.MonkeyPatch, endpoint: str
    ) -> None:
        text = f"AccountName=acme;AccountKey={KEY};BlobEndpoint={endpoint}"
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", text)
        with pytest.raises(EndpointRefused):
            find_access(settings())

    def test_no_token_goes_over_plain_http(self) -> None:
        with pytest.raises(EndpointRefused, match="plain http"):
            find_access(settings(endpoint="http://127.0.0.1:10000/devstoreaccount1"))


class TestSignature:
    def test_it_lets_in(
        self, open_bucket: Any, server: AzuriteServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("AZURE_STORAGE_KEY", raising=False)
        monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "?" + sas(server, hours=1))
        bucket = open_bucket()
        bucket.put("by signature/ü", b"x")
        assert bucket.get("by signature/ü") == b"x"
        bucket.copy("by signature/ü", "by signature/copy")
        assert next(each.key for each in bucket.list("by signature/")) == "by signature/copy"
        assert bucket.delete_many(["by signature/ü", "by signature/copy"]).ok
        assert bucket.capabilities.sign_max is None
        with pytest.raises(Unsupported):
            bucket.sign("key")

    def test_it_is_in_no_log_and_in_no_frame_of_ours(
        self,
        open_bucket: Any,
        server: AzuriteServer,
        proxy: FaultProxy,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Though it is in every URL: urllib3 logs those, and tracebacks may show locals."""
        caplog.set_level(logging.DEBUG)
        token = sas(server, hours=1)
        signature = unquote(token.partition("sig=")[2].partition("&")[0])
        monkeypatch.delenv("AZURE_STORAGE_KEY", raising=False)
        monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", token)
        bucket = open_bucket()
        calls: list[Callable[[], object]] = [
            lambda: bucket.put("source", b"x"),
            lambda: bucket.get("source"),
            lambda: bucket.copy("source", "target"),
            lambda: bucket.delete_many(["a", "b"]),
            lambda: list(bucket.list()),
        ]
        faults = (
            Fault("lost", times=None),
            Fault("redirect", location="http://x/", times=None),
            Fault("lost", match=lambda sent: sent.header("x-ms-copy-source") is not None),
        )
        texts = []
        for call in calls:
            proxy.clear()
            call()
            for fault in faults:
                proxy.clear()
                proxy.add(fault)
                try:
                    call()
                except PortableError as error:
                    texts.append(unquote(shown_by(error)))
        assert len(texts) == 2 * len(calls) + 1
        assert not any(signature in text for text in texts)
        assert "GET" in caplog.text
        assert signature not in unquote(caplog.text)

    def test_one_that_is_over(
        self, open_bucket: Any, server: AzuriteServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Azurite says only that it doesn't do; see the details in the tests of answers."""
        monkeypatch.delenv("AZURE_STORAGE_KEY", raising=False)
        token = sas(server, hours=-1)
        monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", token)
        with pytest.raises((CredentialsExpired, Unauthenticated, PermissionDenied)) as caught:
            open_bucket().get("key")
        shown = "".join(traceback.format_exception(caught.value))
        assert token.partition("sig=")[2] not in shown


class _Identity:
    """An identity that has one token, or none."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def get_token(self, *_scopes: str, **_: Any) -> AccessToken:
        if self._token is None:
            raise ClientAuthenticationError("no identity answers.\nAttempted:\n\tEnvironment: no")
        return AccessToken(self._token, 2**31)

    def close(self) -> None:
        pass


class TestIdentity:
    @pytest.fixture
    def sent(self, monkeypatch: pytest.MonkeyPatch) -> list[HttpRequest]:
        """What would have been sent; nothing is."""
        requests: list[HttpRequest] = []

        def send(_self: Transport, request: HttpRequest, **_: object) -> None:
            requests.append(request)
            raise OSError("nothing is sent here")

        monkeypatch.setattr(Transport, "send", send)
        return requests

    def test_its_token_is_sent(
        self, sent: list[HttpRequest], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(credentials, "_identity", lambda _: _Identity("canary-token"))
        driver = AzureStorage(settings(account="acme"))
        with pytest.raises(PortableError):
            driver.stat("key")
        (request,) = sent
        assert request.url == "https://acme.blob.core.windows.net/photos/key"
        assert request.headers["Authorization"] == "Bearer canary-token"
        assert request.headers["x-ms-version"] == API_VERSION

    def test_it_signs_by_a_key_that_it_gets_once(
        self, sent: list[HttpRequest], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Azurite can't give one: what the service is asked, and what is made of its answer."""
        asked: list[tuple[datetime, datetime]] = []

        def give(_: object, start: datetime, expiry: datetime) -> Any:
            asked.append((start, expiry))
            key: Any = UserDelegationKey()  # type: ignore[no-untyped-call]
            key.signed_oid, key.signed_tid, key.value = "the-person", "the-tenant", KEY
            key.signed_start, key.signed_expiry = "2026-11-22T00:00:00Z", "2026-11-29T00:00:00Z"
            key.signed_service, key.signed_version = "b", API_VERSION
            return key

        monkeypatch.setattr(BlobServiceClient, "get_user_delegation_key", give)
        monkeypatch.setattr(credentials, "_identity", lambda _: _Identity("canary-token"))
        driver = AzureStorage(settings(account="acme"))
        for _ in range(2):
            hour = timedelta(hours=1)
            url = driver.sign(
                "key", method="GET", expires=hour, content_type=None, if_absent=False
            ).url
            assert "skoid=the-person" in url
            assert "spr=https" in url
        assert len(asked) == 1
        assert asked[0][1] - asked[0][0] <= timedelta(days=7)
        assert sent == []

    def test_no_identity_is_unauthenticated(
        self, sent: list[HttpRequest], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In one line, which says what to set."""
        monkeypatch.setattr(credentials, "_identity", lambda _: _Identity(None))
        driver = AzureStorage(settings(account="acme"))
        with pytest.raises(
            Unauthenticated, match=r"no identity answers; check .*az login"
        ) as caught:
            driver.stat("key")
        assert "\n" not in caught.value.message
        assert sent == []


class TestSecrets:
    @pytest.mark.parametrize(
        "environment",
        [
            {"AZURE_STORAGE_KEY": KEY},
            {"AZURE_STORAGE_SAS_TOKEN": SAS},
            {"AZURE_STORAGE_CONNECTION_STRING": f"AccountName=acme;AccountKey={KEY}"},
        ],
        ids=lambda each: next(iter(each)),
    )
    def test_they_are_in_no_repr_log_or_error(
        self,
        environment: dict[str, str],
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """The connection fails, with everything logged."""
        caplog.set_level(logging.DEBUG)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        given = settings(account="acme", endpoint="http://127.0.0.1:9/acme")
        driver = AzureStorage(given)
        with pytest.raises(PortableError) as caught:
            driver.stat("key")
        shown = [
            repr(given),
            repr(find_access(given)),
            repr(driver),
            caplog.text,
            "".join(traceback.format_exception(caught.value)),
        ]
        for text in shown:
            assert "canary" not in text
            assert KEY not in text
