"""What is in a cache's folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from portable.cache import Cache

MakeCache = Callable[..., Cache]


def files(cache: Cache) -> list[Path]:
    """The cached files and the parts of them."""
    return sorted((cache.folder / "objects").glob("*/*"))
