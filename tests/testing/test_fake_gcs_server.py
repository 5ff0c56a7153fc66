"""fake-gcs-server, started as the other servers are."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from portable.testing.servers import (
    GcsServer,
    ServerUnavailable,
    fake_gcs_server,
    make_gcs_bucket,
    skip_or_fail,
)
from portable.testing.targets.gcs import sdk_client


@pytest.fixture(scope="module")
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def server(stack: ExitStack) -> GcsServer:
    try:
        return stack.enter_context(fake_gcs_server())
    except ServerUnavailable as error:
        skip_or_fail(error)


def test_it_stores_and_gives_back(server: GcsServer) -> None:
    make_gcs_bucket(server, "twice")
    make_gcs_bucket(server, "twice")
    blob = sdk_client(server.endpoint).bucket("twice").blob("ü/a b+c")
    blob.upload_from_string(b"body")
    assert blob.download_as_bytes() == b"body"


def test_it_listens_on_this_machine_only(server: GcsServer) -> None:
    assert server.endpoint == f"http://127.0.0.1:{server.port}"
    with socket.socket() as probe, pytest.raises(OSError, match="refused"):
        probe.connect(("127.0.0.2", server.port))


def test_it_is_gone_afterwards(server: GcsServer, stack: ExitStack) -> None:
    stack.close()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{server.endpoint}/storage/v1/b", timeout=5)
