"""Paths, options and identity of the file system."""

from __future__ import annotations

import hashlib
from typing import Any
from weakref import WeakValueDictionary

from fsspec import AbstractFileSystem
from fsspec.utils import stringify_path

from portable.addresses import SCHEME
from portable.errors import InvalidArgument
from portable.integrations.fsspec.files import WriteFile
from portable.integrations.fsspec.places import Buckets, Place
from portable.spelling import did_you_mean
from portable.storage.bucket import Bucket

# What fsspec itself hands to every file system, and has no meaning here.
FSSPEC_OPTIONS = {
    "asynchronous", "loop", "batch_size",
    "use_listings_cache", "listings_expiry_time", "max_paths",
}  # fmt: skip


class _Instances(type(AbstractFileSystem)):  # type: ignore[misc]
    """fsspec keeps instances by the text of their arguments: too little to know a bucket by."""

    def __call__(cls, *args: Any, **options: Any) -> Any:
        if any(isinstance(value, Bucket) for value in (*args, *options.values())):
            options["skip_instance_cache"] = True
        return super().__call__(*args, **options)


class Located(AbstractFileSystem, metaclass=_Instances):  # type: ignore[misc]
    """Knows which bucket and key a path means."""

    protocol = SCHEME
    root_marker = ""
    sep = "/"

    def __init__(self, bucket: Bucket | str | None = None, **options: Any) -> None:
        """Reach the active profile's buckets, or one.

        Args:
            bucket: A `Bucket`, the name of one in the active profile, or a URL such as
                ``file:///data``; all paths are then keys of it.
            options: Those of fsspec's own that every file system is given; they change nothing.

        Raises:
            InvalidArgument: an option that there isn't.
        """
        if unknown := options.keys() - FSSPEC_OPTIONS:
            name = min(unknown)
            raise InvalidArgument(
                f"portable:// has no option {name!r}{did_you_mean(name, ['bucket'])}: what a "
                "bucket can be told is in the profile or its URL"
            )
        super().__init__(bucket=bucket, use_listings_cache=False)
        self._bucket = bucket
        self._buckets = Buckets(bucket)
        # Files that are open for writing, by path.
        self._writing: WeakValueDictionary[str, WriteFile] = WeakValueDictionary()

    def __repr__(self) -> str:
        if not isinstance(self._bucket, Bucket):
            return f"PortableFileSystem({'' if self._bucket is None else repr(self._bucket)})"
        # fsspec tells wrapped file systems apart by this text: a URL doesn't name the server.
        return f"PortableFileSystem({self._bucket._connection.settings!r})"

    @property
    def _fs_token(self) -> str:
        """The same for the same buckets, in every thread and process."""
        return hashlib.sha256(repr(self).encode()).hexdigest()

    @property
    def fsid(self) -> str:
        """The same for the same buckets."""
        return f"{SCHEME}-{self._fs_token}"

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        text: str = stringify_path(path)
        return text.removeprefix(f"{SCHEME}://").rstrip("/")

    def _place(self, path: object) -> Place:
        return self._buckets.place(self._strip_protocol(path))
