"""Copying, moving and removing, of objects and of whole directories."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from typing import Any

from fsspec.core import has_magic

from portable.errors import InvalidArgument, NotFound, ObjectChanged
from portable.integrations.fsspec.looking import Looking
from portable.integrations.fsspec.places import Place


class Moving(Looking):
    """Copies on the server where it can; what is moved is copied, then removed."""

    def cp_file(self, path1: str, path2: str, **_: Any) -> None:
        """Copy an object, on the server where it can; a directory makes nothing."""
        source, target = self._place(path1), self._place(path2)
        try:
            source.bucket.copy(source.key, target.key, to=target.bucket)
        except NotFound:
            if not self.isdir(path1):
                raise

    def mv(
        self,
        path1: Any,
        path2: Any,
        recursive: bool = False,
        maxdepth: int | None = None,
        **options: Any,
    ) -> None:
        """Move an object, or with *recursive* all below: each copied, then removed.

        Raises:
            NotFound: nothing is there.
            ObjectChanged: an object was replaced meanwhile; both are kept.
        """
        if not (isinstance(path1, str) and isinstance(path2, str)) or has_magic(path1) or maxdepth:
            super().mv(path1, path2, recursive=recursive, maxdepth=maxdepth, **options)
            return
        source, target = self._place(path1), self._place(path2)
        if not path1.endswith("/") and (path2.endswith("/") or self.isdir(path2)):
            target = replace(target, key=target.prefix + source.key.rpartition("/")[2])
        if source == target:
            return
        if self.isfile(path1):
            _move(source, target)
        elif recursive:
            _move_all(source, target)
        else:
            raise _directory_error(path1) if self.isdir(path1) else FileNotFoundError(path1)

    def rm_file(self, path: str) -> None:
        """Remove an object.

        Whoever breaks off writing and cleans up what was written, as torch's checkpoints do,
        finds nothing of it here, and what was there before stays.

        Raises:
            NotFound: it is missing.
            IsADirectoryError: there is none, and there are some below.
        """
        place = self._place(path)
        unfinished = self._writing.get(self._strip_protocol(path))
        if unfinished is not None and not unfinished.closed and unfinished.broken_off_by:
            unfinished.abort()
            return
        try:
            place.bucket.delete(place.key, missing_ok=False)
        except NotFound as error:
            if type(error) is NotFound and self.isdir(path):
                raise _directory_error(path) from error
            raise

    def rm(self, path: Any, recursive: bool = False, maxdepth: int | None = None) -> None:
        """Remove objects; with *recursive* all below too.

        Raises:
            NotFound: nothing is there.
            IsADirectoryError: a directory, and not *recursive*.
            InvalidArgument: it would empty the bucket.
        """
        paths = path if isinstance(path, list) else [path]
        if recursive and maxdepth is None and not any(map(has_magic, paths)):
            for each in paths:
                self._remove_all(self._place(each))
            return
        for name in reversed(self.expand_path(path, recursive=recursive, maxdepth=maxdepth)):
            if not recursive or self.isfile(name):
                self.rm_file(name)

    def _remove_all(self, place: Place) -> None:
        if not place.key:
            raise InvalidArgument(f"this would remove every object of {place.bucket.url}")
        keys = (info.key for info in place.bucket.list(place.prefix))
        report = place.bucket.delete_many(keys)
        report.raise_for_errors()
        if not report.deleted or place.bucket.exists(place.key):
            place.bucket.delete(place.key, missing_ok=bool(report.deleted))

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        """Do nothing: a directory is there as soon as an object is in it."""

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Do nothing: a directory is there as soon as an object is in it."""

    def rmdir(self, path: str) -> None:
        """Remove the marker that another tool may have left for an empty directory.

        Raises:
            OSError: it isn't empty (``ENOTEMPTY``).
        """
        place = self._place(path)
        keys = [info.key for info in place.bucket.list(place.prefix, limit=2)]
        if any(key != place.prefix for key in keys):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), path)
        place.bucket.delete_many(keys).raise_for_errors()


def _move(source: Place, target: Place) -> None:
    if source.bucket is target.bucket:
        source.bucket.move(source.key, target.key)
        return
    before = source.bucket.stat(source.key)
    source.bucket.copy(source.key, target.key, to=target.bucket)
    if source.bucket.stat(source.key).revision != before.revision:
        raise ObjectChanged(f"{source.key!r} was replaced while it was copied; both are kept")
    source.bucket.delete(source.key)


def _move_all(source: Place, target: Place) -> None:
    if source.bucket is target.bucket and target.prefix.startswith(source.prefix):
        raise InvalidArgument(f"{source.key!r} can't be moved into itself")
    moved = False
    for info in source.bucket.list(source.prefix):
        below = info.key.removeprefix(source.prefix)
        _move(replace(source, key=info.key), replace(target, key=target.prefix + below))
        moved = True
    if not moved:
        raise FileNotFoundError(source.home + source.key)


def _directory_error(path: str) -> IsADirectoryError:
    return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
