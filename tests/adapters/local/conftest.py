from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .support import WAYS, Make, Store


@pytest.fixture(params=WAYS, ids="-".join)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Open the same folder again and again, with each attribute store and way of staging."""

    def make(name: str = "root", **settings: Any) -> Store:
        return Store(tmp_path / name, request.param, **settings)

    return make


@pytest.fixture
def store(make: Make) -> Store:
    return make()


@pytest.fixture
def plain(tmp_path: Path) -> Store:
    """One way only, where the ways don't matter."""
    return Store(tmp_path / "root")
