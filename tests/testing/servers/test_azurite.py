"""Azurite."""

from __future__ import annotations

import base64
import hashlib
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from azure.core.exceptions import HttpResponseError

from portable.testing.servers import (
    AzuriteServer,
    ServerUnavailable,
    azurite,
    container,
    make_container,
    required,
    skip_or_fail,
)
from tests.testing.servers.starting import BUCKET, leftovers


@pytest.fixture(scope="module")
def azure() -> Iterator[AzuriteServer]:
    with required(azurite()) as server:
        make_container(server, BUCKET)
        yield server


@pytest.mark.xdist_group("azurite")
class TestAzurite:
    def test_it_stores_and_gives_back(self, azure: AzuriteServer) -> None:
        make_container(azure, BUCKET)
        with container(azure, BUCKET) as client:
            client.upload_blob("ü/a b+c", b"body")
            assert client.download_blob("ü/a b+c").readall() == b"body"

    def test_a_wrong_key_and_a_wrong_digest_are_refused(self, azure: AzuriteServer) -> None:
        other = replace(azure, key=base64.b64encode(b"other").decode())
        with container(other, BUCKET) as client, pytest.raises(HttpResponseError) as caught:
            client.upload_blob("key", b"body")
        assert caught.value.status_code == 403
        assert azure.key not in repr(azure)
        wrong = {"Content-MD5": base64.b64encode(hashlib.md5(b"other").digest()).decode()}
        with container(azure, BUCKET) as client, pytest.raises(HttpResponseError) as caught:
            client.upload_blob("key", b"body", headers=wrong)
        assert caught.value.status_code == 400
        assert "Md5Mismatch" in str(caught.value)

    def test_queues_answer_there_too(self, azure: AzuriteServer) -> None:
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{azure.queue_endpoint}?comp=list", timeout=10)
        with caught.value as answer:
            assert "Azurite-Queue" in answer.headers["Server"]

    def test_nothing_is_left(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with ExitStack() as stack:
            try:
                server = stack.enter_context(azurite())
            except ServerUnavailable as error:
                skip_or_fail(error)
            assert len(leftovers(tmp_path, server.port)) >= 2
        assert leftovers(tmp_path, server.port) == []
