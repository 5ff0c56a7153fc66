"""One cluster of this machine for all tests of a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from portable.testing.servers import RayServer, ServerUnavailable, ray_cluster, skip_or_fail


@pytest.fixture(scope="session")
def cluster() -> Iterator[RayServer]:
    """It is found by its address; that of another one, or its token, isn't looked at."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("RAY_API_SERVER_ADDRESS", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
            patch.delenv(name, raising=False)
        patch.setenv("RAY_AUTH_MODE", "disabled")
        try:
            with ray_cluster() as running:
                patch.setenv("RAY_ADDRESS", running.address)
                yield running
        except ServerUnavailable as error:
            skip_or_fail(error)
