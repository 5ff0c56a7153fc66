"""One API for cloud services; the provider is one line of configuration."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from portable import errors
from portable.config import configure, profile
from portable.errors import PortableError

if TYPE_CHECKING:
    from portable import aio, compute, queue, storage
    from portable.compute.active import open_compute
    from portable.queue.active import open_queue
    from portable.storage.active import open_bucket

__version__ = "0.1.0"

__all__ = [
    "PortableError",
    "__version__",
    "aio",
    "compute",
    "configure",
    "errors",
    "open_bucket",
    "open_compute",
    "open_queue",
    "profile",
    "queue",
    "storage",
]


def __getattr__(name: str) -> object:
    # A service is imported at its first use, so that the others cost nothing.
    if name in ("aio", "compute", "queue", "storage"):
        return importlib.import_module(f"portable.{name}")
    if name == "open_bucket":
        from portable.storage.active import open_bucket

        return open_bucket
    if name == "open_compute":
        from portable.compute.active import open_compute

        return open_compute
    if name == "open_queue":
        from portable.queue.active import open_queue

        return open_queue
    raise AttributeError(f"module 'portable' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
