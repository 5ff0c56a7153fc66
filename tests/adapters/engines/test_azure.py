"""What is Azure's own about reads by obstore."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from portable.errors import NotFound, PermissionDenied, PortableError, Unavailable, Unsupported
from portable.testing.faults import Answer, Fault, error_answer
from portable_azure.credentials import Access
from portable_azure.fast import _credentials

from .clouds import BUCKET, Azure


def test_a_directory_is_no_object(azure: Azure) -> None:
    azure.write("folder", b"", {"hdi_isfolder": "true"})
    with pytest.raises(NotFound, match="directory"):
        azure.open(attempts=1).get("folder")
    assert azure.by_obstore() == [True]


def test_a_404_that_is_not_azures_makes_no_object_missing(azure: Azure) -> None:
    bucket = azure.open(attempts=2)
    bucket.put("a", b"1")
    azure.proxy.add(Fault("status", answer=Answer(404, (), b"<html>"), times=None))
    with pytest.raises(PortableError) as caught:
        bucket.get("a")
    assert not isinstance(caught.value, NotFound)


@pytest.fixture
def signature(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> str:
    """One that may only read, in the environment instead of the key."""
    account, key = azure.server.account, azure.server.key
    signature = generate_container_sas(
        account,
        BUCKET,
        account_key=key,
        permission=ContainerSasPermissions(read=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    monkeypatch.delenv("AZURE_STORAGE_KEY")
    text = f"AccountName={account};SharedAccessSignature={signature}"
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", text)
    return signature


def test_a_signature_of_a_connection_string_lets_obstore_in(azure: Azure, signature: str) -> None:
    azure.write("ü/a b+c", b"1", {})
    bucket = azure.open()
    assert bucket.get("ü/a b+c") == b"1"
    assert azure.by_obstore() == [True]
    with pytest.raises(Unsupported):
        bucket.sign("ü/a b+c")
    with pytest.raises(PermissionDenied):
        bucket.put("a", b"1")


def test_no_signature_is_shown(azure: Azure, signature: str) -> None:
    """Neither in an error, its cause included, nor by the driver and what it holds."""
    azure.write("a", bytes(300_000), {})
    shown = []
    bucket = azure.open(attempts=1)
    for fault in (
        Fault("lost", times=None),
        Fault("reset", at=100_000, times=None),
        Fault("truncate", at=100_000, times=None),
        Fault("status", answer=error_answer(500, "InternalError"), times=None),
    ):
        azure.proxy.clear()
        azure.proxy.add(fault)
        with pytest.raises(Unavailable) as caught:
            bucket.get("a")
        shown += [str(caught.value), str(caught.value.__cause__), repr(caught.value.__cause__)]
    driver: Any = bucket._connection.driver
    shown += [repr(driver), repr(driver._store), repr(driver._store.config)]
    secret = signature.partition("sig=")[2][:12]
    assert not [text for text in shown if secret in text]


class Token(NamedTuple):
    token: str


class Identity:
    """Gives another token each time."""

    asked = 0

    def get_token(self, *scopes: str) -> Token:
        assert scopes == ("https://storage.azure.com/.default",)
        self.asked += 1
        return Token(f"token {self.asked}")


def test_an_identity_is_asked_again_for_its_token() -> None:
    """obstore keeps one for a minute: what is left of it then is the identity's business."""
    identity: Any = Identity()
    access = Access(endpoint="https://a.blob.core.windows.net", account="a", identity=identity)
    first, second = _credentials(access), _credentials(access)
    assert [first["token"], second["token"]] == ["token 1", "token 2"]  # type: ignore[typeddict-item]
    until = first["expires_at"]
    assert until is not None
    assert timedelta(minutes=5) < until - datetime.now(UTC) <= timedelta(minutes=6)
