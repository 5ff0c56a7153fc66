"""The folders below the root, reached name by name so that no symbolic link is followed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from portable_local.errors import link_refused

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FULL_SYNC = getattr(fcntl, "F_FULLFSYNC", None)  # macOS: fsync alone stops at the drive's cache


def sync(descriptor: int) -> None:
    """Return once the file or folder would survive a power cut."""
    if _FULL_SYNC is None:
        os.fsync(descriptor)
    else:
        fcntl.fcntl(descriptor, _FULL_SYNC)


def open_folder(name: str, parent: int) -> int:
    """Open a folder in a folder.

    Raises:
        FileNotFoundError: there is nothing of that name.
        NotADirectoryError: a file has that name.
        PermissionDenied: a symbolic link has it.
    """
    try:
        return os.open(name, _FOLDER, dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP) and _is_link(name, parent):
            raise link_refused(name) from error
        raise


def remove_empty(name: str, parent: int) -> None:
    """Remove a folder that holds nothing but empty folders; `OSError` when it holds more."""
    folder = open_folder(name, parent)
    try:
        for below in os.listdir(folder):  # noqa: PTH208
            remove_empty(below, folder)
    finally:
        os.close(folder)
    os.rmdir(name, dir_fd=parent)


class Root:
    """The bucket's folder.

    Attributes:
        path: Absolute; a link in it is resolved once, here.
        durable: Are newly made folders to survive a power cut?
    """

    def __init__(self, path: str, *, durable: bool) -> None:
        self.path = os.path.realpath(os.path.expanduser(path))  # noqa: PTH111
        self.durable = durable

    @contextmanager
    def folder(self, names: Sequence[str], *, make: bool = False) -> Iterator[int]:
        """Open the folder that *names* lead to; errors as in `open_folder`."""
        descriptor = self.open(names, make=make)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def open(self, names: Sequence[str], *, make: bool = False) -> int:
        """Like `folder`, for callers that close."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            if not make:
                raise
            self._make(self.path)
            descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        for name in names:
            above = descriptor
            try:
                descriptor = self._enter(name, above) if make else open_folder(name, above)
            finally:
                os.close(above)
        return descriptor

    def prune(self, names: Sequence[str]) -> None:
        """Remove the folder and those above it, below the root, as far as they are empty."""
        with contextlib.suppress(OSError):
            for depth in range(len(names), 0, -1):
                with self.folder(names[: depth - 1]) as parent:
                    os.rmdir(names[depth - 1], dir_fd=parent)

    def _enter(self, name: str, parent: int) -> int:
        while True:
            try:
                return open_folder(name, parent)
            except FileNotFoundError:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, dir_fd=parent)
                    if self.durable:
                        sync(parent)

    def _make(self, path: str) -> None:
        above = os.path.dirname(path)  # noqa: PTH120
        try:
            descriptor = os.open(above, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            self._make(above)
            descriptor = os.open(above, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(path)  # noqa: PTH102
                if self.durable:
                    sync(descriptor)
        finally:
            os.close(descriptor)


def _is_link(name: str, parent: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False
