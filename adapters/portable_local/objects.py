"""Finding an object's file, and what it tells."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from datetime import UTC, datetime
from typing import Self

from portable.storage.driver import StoredObject
from portable_local.attributes import Attributes, AttributeStore
from portable_local.errors import link_refused
from portable_local.folders import Root
from portable_local.names import path_of

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_NO_OBJECT = frozenset({errno.ENXIO, errno.ENODEV})  # sockets and devices


class Found:
    """An object's open file: one version of it, whatever happens to its name.

    Attributes:
        status: Taken when the file was opened.
        attributes: `None` for a file that another program wrote or edited.
        written_as: The key it was put as, where that is known, edited since or not.
        recorded: Are, or would be, its attributes in a record?
    """

    __slots__ = ("attributes", "fd", "recorded", "status", "written_as")

    def __init__(
        self, fd: int, status: os.stat_result, attributes: Attributes | None, recorded: bool
    ) -> None:
        self.fd = fd
        self.status = status
        self.attributes = attributes if attributes and attributes.fit(status) else None
        self.written_as = attributes.key if attributes else None
        self.recorded = recorded

    @property
    def revision(self) -> str:
        """The random id it was written with, or what the file system knows of a foreign file."""
        return self.attributes.revision if self.attributes else foreign_revision(self.status)

    def describe(self, key: str) -> StoredObject:
        """Return it as the object *key*."""
        if self.attributes:
            return describe(key, self.attributes)
        return describe_foreign(key, self.status)

    def close(self) -> None:
        """Close the file. May be called twice."""
        descriptor, self.fd = self.fd, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "fd"):
            self.close()


class Objects:
    """The objects below one root."""

    def __init__(self, root: Root, attributes: AttributeStore) -> None:
        self.root = root
        self.attributes = attributes

    def find(self, key: str) -> Found:
        """Open the object *key*.

        Raises:
            FileNotFoundError: there is none.
            NotADirectoryError: there is none, and a file is where a folder would be.
            PermissionDenied: a symbolic link is there or on the way.
        """
        path = path_of(key)
        with self.root.folder(path[:-1]) as folder:
            found = self.find_in(folder, path[-1])
        if self.is_other(found, key):
            found.close()
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return found

    def find_in(self, folder: int, name: str) -> Found:
        """Open the object that is file *name* of an open folder; errors as in `find`."""
        while True:
            try:
                descriptor = os.open(name, _FILE, dir_fd=folder)
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.EMLINK):
                    raise link_refused(name) from error
                if error.errno in _NO_OBJECT:
                    raise FileNotFoundError(*error.args) from error
                raise
            try:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
                attributes, recorded = self.attributes.load(descriptor)
                if attributes is None and recorded and _replaced(status, folder, name):
                    os.close(descriptor)  # its record went with its name
                    continue
            except BaseException:
                os.close(descriptor)
                raise
            return Found(descriptor, status, attributes, recorded)

    def is_other(self, found: Found, key: str) -> bool:
        """Is this file another key's, which the file system doesn't tell from *key*?

        A file that was renamed or linked by hand is not: its old name doesn't lead to it alone.
        """
        if found.written_as is None or found.written_as == key or found.status.st_nlink != 1:
            return False
        other = path_of(found.written_as)
        try:
            with self.root.folder(other[:-1]) as folder:
                status = os.stat(other[-1], dir_fd=folder, follow_symlinks=False)
        except OSError:
            return False
        return os.path.samestat(status, found.status)


def describe(key: str, attributes: Attributes) -> StoredObject:
    """Return an object as it was put."""
    return StoredObject(
        key=key,
        size=attributes.size,
        revision=attributes.revision,
        last_modified=_time(attributes.mtime_ns),
        content_type=attributes.content_type,
        metadata=attributes.metadata,
        crc32=attributes.crc32,
    )


def describe_foreign(key: str, status: os.stat_result) -> StoredObject:
    """Return a file that another program wrote, or edited, as an object."""
    return StoredObject(
        key=key,
        size=status.st_size,
        revision=foreign_revision(status),
        last_modified=_time(status.st_mtime_ns),
        metadata={},
    )


def foreign_revision(status: os.stat_result) -> str:
    """Return a token that changes when the file is replaced or edited."""
    known = f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}"
    return "foreign-" + hashlib.blake2b(known.encode(), digest_size=8).hexdigest()


def _time(nanoseconds: int) -> datetime:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)


def _replaced(status: os.stat_result, folder: int, name: str) -> bool:
    try:
        now = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return True
    return not os.path.samestat(status, now)
