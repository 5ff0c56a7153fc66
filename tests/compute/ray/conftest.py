"""One cluster of this machine for all tests of a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from portable.testing.servers import RayServer, ServerUnavailable, ray_cluster, skip_or_fail


@pytest.fixture(scope="session")
def cluster() -> Iterator[RayServer]:
    try:
        with ray_cluster() as running:
            yield running
    except ServerUnavailable as error:
        skip_or_fail(error)
