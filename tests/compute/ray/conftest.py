"""One cluster of this machine for all tests of a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from portable.testing.servers import RayServer, ray_cluster, required


@pytest.fixture(scope="session")
def cluster() -> Iterator[RayServer]:
    with required(ray_cluster()) as running:
        yield running


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another cluster's address, and its token, aren't looked at."""
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
