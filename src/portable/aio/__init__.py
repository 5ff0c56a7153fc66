"""The data calls of `portable.storage`, awaited: ``await portable.aio.get("runs/7/model.pt")``.

The functions here are the methods of one default `AsyncBucket` on the active profile's bucket.
It is a mirror of the blocking core, never what that stands on.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from portable import storage
from portable.aio._bucket import AsyncBucket
from portable.aio._files import AsyncReader, AsyncWriter

if TYPE_CHECKING:
    from portable.aio import compute, queue


def open_bucket(name_or_url: str | None = None) -> AsyncBucket:
    """Open a bucket as `portable.open_bucket` does. Nothing is sent before the first call.

    Raises:
        ConfigError: no bucket of that name, an unknown scheme, or settings that can't be used.
        MissingDependency: raised at the first call, when the provider's SDK isn't installed.
    """
    from portable.storage.active import open_bucket

    return AsyncBucket(open_bucket(name_or_url))


_bucket = AsyncBucket(storage._bucket)

abort_stale_uploads = _bucket.abort_stale_uploads
copy = _bucket.copy
delete = _bucket.delete
delete_many = _bucket.delete_many
delete_prefix = _bucket.delete_prefix
download = _bucket.download
exists = _bucket.exists
get = _bucket.get
get_ranges = _bucket.get_ranges
list = _bucket.list
listdir = _bucket.listdir
move = _bucket.move
open = _bucket.open
put = _bucket.put
sign = _bucket.sign
stat = _bucket.stat
sync = _bucket.sync
upload = _bucket.upload

__all__ = [
    "AsyncBucket",
    "AsyncReader",
    "AsyncWriter",
    "abort_stale_uploads",
    "compute",
    "copy",
    "delete",
    "delete_many",
    "delete_prefix",
    "download",
    "exists",
    "get",
    "get_ranges",
    "list",
    "listdir",
    "move",
    "open",
    "open_bucket",
    "put",
    "queue",
    "sign",
    "stat",
    "sync",
    "upload",
]


def __getattr__(name: str) -> object:
    # As in `portable`: a service is imported at its first use.
    if name in ("compute", "queue"):
        return importlib.import_module(f"portable.aio.{name}")
    raise AttributeError(f"module 'portable.aio' has no attribute {name!r}")
