"""Objects to local files, whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from portable.errors import (
    InvalidArgument,
    NoSpace,
    NotFound,
    PermissionDenied,
    PortableError,
)
from portable.storage.bucket import Bucket
from portable.storage.descriptions import describe
from portable.storage.keys import check_readable
from portable.storage.reads import fetch_whole, reread

if TYPE_CHECKING:
    from portable.storage.bodies import Piece
    from portable.storage.driver import StoredObject
    from portable.storage.types import ObjectInfo
    from portable.storage.uploads import Progress


def download(
    bucket: Bucket, key: str, path: Path, *, progress: Progress | None = None
) -> ObjectInfo:
    """Store an object in the file *path*, verified, replacing any file there.

    The file appears at *path* complete and durable, or stays as it was: the bytes go into a
    temporary file beside it. An older file's permission bits are kept; a symbolic link is
    replaced, not followed.

    Args:
        key: As in `Bucket.get`.
        path: In a folder that exists.
        progress: Called with bytes received and bytes in all; from several threads, one at a
            time. Begins again where the bytes have to be read again.

    Raises:
        NotFound: no such object, or no such folder.
        InvalidArgument: *path* is a folder, a device or a pipe.
        IntegrityError: the bytes aren't those that were written, read after read.
        ObjectChanged: the object was replaced meanwhile, again and again.
        NoSpace: the disk is full.
    """
    connection = bucket._connection
    with connection.located("download", key):
        full = connection.prefix + check_readable(key)
        with _replacing(path) as file:

            def fetch() -> StoredObject:
                sink = _FileSink(file, path, progress)
                return fetch_whole(connection, full, sink.prepare, sink.write)

            stored = reread(fetch)
        return describe(connection, stored)


class _FileSink:
    """Takes the pieces of one object in any order, from several threads."""

    def __init__(self, file: int, path: Path, progress: Progress | None) -> None:
        self._file = file
        self._path = path
        self._progress = progress
        self._lock = threading.Lock()
        self._received = 0
        self._size = 0

    def prepare(self, info: StoredObject) -> None:
        self._size = info.size
        with _translated(self._path):
            os.ftruncate(self._file, info.size)

    def write(self, offset: int, data: Piece) -> None:
        view = memoryview(data)
        with _translated(self._path):
            while view:
                written = os.pwrite(self._file, view, offset)
                view, offset = view[written:], offset + written
        if self._progress is not None:
            with self._lock:
                self._received += len(data)
                self._progress(self._received, self._size)


@contextmanager
def _replacing(path: Path) -> Iterator[int]:
    """Open a temporary file that takes the place of *path* when the block ends well."""
    with _translated(path):
        mode = _mode(path)
        temporary = path.with_name(f".portable-{secrets.token_hex(8)}")
        # 0o666 less the user's umask, as any new file.
        file = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            yield file
            with _translated(path):
                if mode is not None:
                    os.fchmod(file, mode)
                os.fsync(file)
        finally:
            os.close(file)
        with _translated(path):
            temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    with _translated(path):
        _sync_folder(path.parent)


def _mode(path: Path) -> int | None:
    """The permission bits of the file that will be replaced, if there is one."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a device or a pipe"
        raise InvalidArgument(f"the target {str(path)!r} is {kind}, not a file")
    return stat.S_IMODE(status.st_mode) & 0o777


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that knows no such thing
            raise
    finally:
        os.close(descriptor)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn what the file system says about the local file *path* into a `PortableError`."""
    try:
        yield
    except PortableError:
        raise
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"there is no local folder {str(path.parent)!r}") from error
    except PermissionError as error:
        raise PermissionDenied(f"the local file {str(path)!r} can't be written: {error}") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(
                f"the disk is full, there is no space for {str(path)!r}: {error}"
            ) from error
        raise PortableError(f"the local file {str(path)!r} can't be written: {error}") from error
    except ValueError as error:  # a NUL in the path
        raise InvalidArgument(f"{str(path)!r} is no path: {error}") from error
