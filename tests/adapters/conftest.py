"""What the tests of adapters over HTTP share; each has a `shared_proxy` before its server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from portable.testing.faults import FaultProxy


@pytest.fixture
def proxy(shared_proxy: FaultProxy) -> Iterator[FaultProxy]:
    shared_proxy.clear()
    yield shared_proxy
    shared_proxy.clear()
