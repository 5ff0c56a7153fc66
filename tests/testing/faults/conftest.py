"""A small server of our own, and the proxy before it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from portable.testing.faults import FaultProxy
from tests.testing.faults.upstream import Upstream, opened


@pytest.fixture(autouse=True)
def _closed_connections() -> Iterator[None]:
    """Close what `ask` opened, once the test has read what it wants."""
    yield
    while opened:
        opened.pop().close()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[FaultProxy]:
    with FaultProxy(upstream.server_address[1], keep_bodies=True) as proxy:
        yield proxy
