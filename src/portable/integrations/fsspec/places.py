"""Which bucket and key a path means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portable.addresses import split_bucket
from portable.storage.active import ActiveBucket
from portable.storage.bucket import Bucket

if TYPE_CHECKING:
    from portable.storage import ObjectInfo

Entry = dict[str, object]


@dataclass(frozen=True, slots=True)
class Place:
    """What a path means.

    Attributes:
        bucket: The bucket it is in.
        home: What paths in that bucket begin with: empty, or ``@NAME/``.
        key: Empty for the bucket itself.
    """

    bucket: Bucket
    home: str
    key: str

    @property
    def prefix(self) -> str:
        """What the keys below it begin with."""
        return f"{self.key}/" if self.key else ""

    def file(self, info: ObjectInfo) -> Entry:
        """An object as fsspec describes files.

        ``ETag`` and ``mtime`` are what caches look at to see whether a file has changed.
        """
        return {
            "name": self.home + info.key,
            "size": info.size,
            "type": "file",
            "mtime": info.last_modified,
            "revision": info.revision,
            "ETag": info.etag or info.revision,
        }

    def folder(self, key: str | None = None) -> Entry:
        """*key*, or the place itself, as fsspec describes directories."""
        name = (self.home + (self.key if key is None else key)).rstrip("/")
        return {"name": name, "size": 0, "type": "directory"}


class Buckets:
    """The buckets that one file system reaches."""

    def __init__(self, given: Bucket | str | None) -> None:
        self._given = given
        self._opened: dict[str | None, Bucket] = {}

    def place(self, path: str) -> Place:
        """The bucket and key of a path without its ``portable://``."""
        if isinstance(self._given, Bucket):
            return Place(self._given, "", path)
        if self._given is not None:
            return Place(self._bucket(self._given), "", path)
        name, key = split_bucket(path)
        return Place(self._bucket(name), "" if name is None else f"@{name}/", key)

    def _bucket(self, name: str | None) -> Bucket:
        return self._opened.setdefault(name, ActiveBucket(name))
