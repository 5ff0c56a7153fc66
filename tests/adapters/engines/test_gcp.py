"""What is Google's own about reads by obstore."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from portable.errors import PermissionDenied
from portable_gcp import client

from .clouds import Gcp


def test_what_is_stored_packed_comes_packed(gcp: Gcp) -> None:
    """Google would unpack it for who doesn't ask."""
    packed = gzip.compress(b"text" * 100)
    gcp.write("packed", packed, {}, "gzip")
    bucket = gcp.open()
    assert bucket.get("packed") == packed
    assert bucket.get("packed", range=(0, 2)) == packed[:2]
    assert gcp.by_obstore() == [True, True]


def test_metadata_of_others_that_is_not_ascii_is_read_by_the_sdk(gcp: Gcp) -> None:
    """Within the same attempt: there is nothing wrong with the answer."""
    gcp.write("foreign", b"abc", {"who": "Žižek"})
    bucket = gcp.open(attempts=1)
    assert bucket.get("foreign") == b"abc"
    assert gcp.by_obstore() == [True, False]
    gcp.proxy.clear()
    assert bucket.get("foreign") == b"abc"
    assert gcp.by_obstore() == [False]


@pytest.fixture
def accounts(gcp: Gcp, tmp_path: Path) -> dict[str, str]:
    """Key files, of one that may do anything and one that may do nothing."""
    made = {}
    for name in ("allowed", "denied"):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(gcp.fake.account(name, allowed=name == "allowed")))
        made[name] = str(path)
    return made


def test_obstore_has_the_accounts_token(gcp: Gcp, accounts: dict[str, str]) -> None:
    bucket = gcp.open(credentials_file=accounts["allowed"])
    bucket.put("a", b"1")
    assert bucket.get("a") == b"1"
    assert gcp.by_obstore()[-1]
    assert len({request.header("authorization") for request in gcp.proxy.requests}) == 1
    with pytest.raises(PermissionDenied):
        gcp.open(credentials_file=accounts["denied"]).get("a")


def test_a_token_that_is_no_longer_taken_is_renewed(
    gcp: Gcp, accounts: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the SDK; and obstore has the new one at once."""
    monkeypatch.setattr(client, "RENEWED_SECONDS", -1.0)
    bucket = gcp.open(credentials_file=accounts["allowed"])
    bucket.put("a", b"1")
    assert bucket.get("a") == b"1"
    gcp.fake.forget_tokens()
    gcp.proxy.clear()
    assert [bucket.get("a"), bucket.get("a")] == [b"1", b"1"]
    assert gcp.by_obstore() == [True, False, True, True]


def test_who_pays_is_said_by_both_engines(gcp: Gcp) -> None:
    bucket = gcp.open(billing_project="acme")
    bucket.put("a", b"1")
    bucket.get("a")
    assert [request.header("x-goog-user-project") for request in gcp.proxy.requests] == ["acme"] * 2


def test_nobody_is_asked_for_credentials_on_this_machine(
    gcp: Gcp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nor is a file read that obstore knows nothing of."""
    odd = tmp_path / "federated.json"
    odd.write_text('{"type": "external_account"}')
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(odd))
    bucket = gcp.open("auto")
    bucket.put("a", b"1")
    assert bucket.get("a") == b"1"
    assert gcp.by_obstore() == [False, True]
    assert not any(request.header("authorization") for request in gcp.proxy.requests)


def test_no_secret_is_shown(gcp: Gcp, accounts: dict[str, str]) -> None:
    bucket = gcp.open(credentials_file=accounts["denied"])
    with pytest.raises(PermissionDenied) as caught:
        bucket.get("a")
    driver: Any = bucket._connection.driver
    token = driver.inner.client.token()
    shown = [str(caught.value), repr(caught.value.__cause__), repr(driver), repr(driver._store)]
    assert not [text for text in shown if token in text]
    assert token not in repr(driver._store.config)
