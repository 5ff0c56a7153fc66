"""Files that are being written and can't be seen yet.

A staged file has no name, so that nothing is left of it when its writer dies. Where the file
system can't do that, and for the moment in which a file replaces another, it has a random name
in the staging folder and is locked by its writer: a staged name that isn't locked is a leftover.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
from typing import Literal, Self

from portable_local.attributes import AttributeStore
from portable_local.folders import Root
from portable_local.names import INTERNAL

Naming = Literal["auto", "unnamed", "named"]

STAGING = (INTERNAL, "staging")

_UNNAMED = getattr(os, "O_TMPFILE", 0)
# EISDIR is what file systems say that don't know the flag.
_NO_UNNAMED = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS})
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})


class Staged:
    """A file that only its writer sees until it is published.

    Attributes:
        fd: Open for reading and writing.
        recorded: Are its attributes in a record?
    """

    def __init__(self, staging: Staging, fd: int, name: str | None) -> None:
        self.fd = fd
        self.recorded = False
        self._staging = staging
        self._name = name
        self._published = False

    def write(self, data: bytes | memoryview, offset: int = 0) -> None:
        """Write all of *data* at *offset*; from any thread, in any order."""
        done = os.pwrite(self.fd, data, offset)
        while done < len(data):
            done += os.pwrite(self.fd, data[done:], offset + done)

    def name(self) -> None:
        """Give it a name in the staging folder, so that a sweep after a crash finds it."""
        if self._name is None:
            fcntl.flock(self.fd, fcntl.LOCK_EX)
            name = secrets.token_hex(12)
            with self._staging.folder() as staging:
                self._link(name, staging)
            self._name = name

    def publish_new(self, folder: int, name: str) -> None:
        """Give it its place; `FileExistsError` when something is there.

        To be called under the lock of the key.
        """
        if self._name is None:
            self._link(name, folder)
            self._published = True
            return
        with self._staging.folder() as staging:
            try:
                os.link(
                    self._name, name, src_dir_fd=staging, dst_dir_fd=folder, follow_symlinks=False
                )
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                _require_absent(name, folder)
                os.rename(self._name, name, src_dir_fd=staging, dst_dir_fd=folder)
            else:
                os.unlink(self._name, dir_fd=staging)
        self._name = None
        self._published = True

    def publish_over(self, folder: int, name: str) -> None:
        """Give it the place of the file that is there, in one step."""
        self.name()
        assert self._name is not None  # noqa: S101
        with self._staging.folder() as staging:
            os.rename(self._name, name, src_dir_fd=staging, dst_dir_fd=folder)
        self._name = None
        self._published = True

    def close(self) -> None:
        """Drop it, unless it was published. May be called twice."""
        descriptor, self.fd = self.fd, -1
        if descriptor < 0:
            return
        try:
            with contextlib.suppress(OSError):
                if self.recorded and not self._published:
                    self._staging.forget(os.fstat(descriptor).st_ino)
                if self._name is not None:
                    with self._staging.folder() as staging:
                        os.unlink(self._name, dir_fd=staging)
        finally:
            os.close(descriptor)

    def _link(self, name: str, folder: int) -> None:
        os.link(f"/proc/self/fd/{self.fd}", name, dst_dir_fd=folder, follow_symlinks=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Staging:
    """The staged files of one root."""

    def __init__(self, root: Root, attributes: AttributeStore, naming: Naming) -> None:
        self._root = root
        self._attributes = attributes
        self._unnamed = naming == "unnamed" or (
            naming == "auto" and bool(_UNNAMED) and os.path.isdir("/proc/self/fd")  # noqa: PTH112
        )

    def open(self, folder: int) -> Staged:
        """Begin a file that is to be published in the open *folder*."""
        if self._unnamed:
            try:
                flags = _UNNAMED | os.O_RDWR
                return Staged(self, os.open(".", flags, 0o666, dir_fd=folder), None)
            except OSError as error:
                if error.errno == errno.EPERM and not os.fstat(folder).st_nlink:
                    # What ext4 says when the folder was removed meanwhile.
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from error
                if error.errno not in _NO_UNNAMED:
                    raise
                self._unnamed = False
        return self._open_named()

    def folder(self) -> contextlib.AbstractContextManager[int]:
        """Open the staging folder, made where it is missing."""
        return self._root.folder(STAGING, make=True)

    def forget(self, inode: int) -> None:
        """Remove the record of a file that won't be published."""
        self._attributes.forget(inode)

    def retire(self, folder: int, name: str) -> str | None:
        """Name the file *name* here too, so that a crash after it was replaced leaves no record."""
        retired = secrets.token_hex(12)
        with self.folder() as staging, contextlib.suppress(OSError):
            os.link(name, retired, src_dir_fd=folder, dst_dir_fd=staging, follow_symlinks=False)
            return retired
        return None

    def take(self, folder: int, name: str) -> str:
        """Move the file *name* here, to be removed with its record."""
        retired = secrets.token_hex(12)
        with self.folder() as staging:
            os.rename(name, retired, src_dir_fd=folder, dst_dir_fd=staging)
        return retired

    def discard(self, inode: int, retired: str | None) -> None:
        """Remove the record of a file that was replaced or taken, and its name here."""
        self._attributes.forget(inode)
        if retired is not None:
            with self.folder() as staging, contextlib.suppress(FileNotFoundError):
                os.unlink(retired, dir_fd=staging)

    def sweep(self) -> None:
        """Remove what writers left that were killed; as far as permissions go."""
        with contextlib.suppress(OSError), self._root.folder(STAGING) as staging:
            for name in os.listdir(staging):  # noqa: PTH208
                with contextlib.suppress(OSError):
                    self._sweep(name, staging)

    def _sweep(self, name: str, staging: int) -> None:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(name, flags, dir_fd=staging)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            status = os.fstat(descriptor)
            if status.st_nlink == 1:
                self._attributes.forget(status.st_ino)
            os.unlink(name, dir_fd=staging)
        finally:
            os.close(descriptor)

    def _open_named(self) -> Staged:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        while True:
            name = secrets.token_hex(12)
            with self.folder() as staging:
                descriptor = os.open(name, flags, 0o666, dir_fd=staging)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if os.fstat(descriptor).st_nlink:  # else a sweep came between the two
                    return Staged(self, descriptor, name)
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)


def _require_absent(name: str, folder: int) -> None:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
