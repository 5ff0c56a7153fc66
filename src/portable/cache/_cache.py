"""`Cache`: a bucket's objects, read through a folder on a local disk."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from logging import getLogger
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from portable.cache._entries import Wanted
from portable.cache._store import Lease, NoRoom, Store, crc32_of
from portable.errors import (
    InvalidArgument,
    InvalidType,
    NoSpace,
    ObjectChanged,
    PortableError,
    PreconditionFailed,
)
from portable.storage.bodies import Piece
from portable.storage.bucket import Bucket
from portable.storage.driver import StoredObject
from portable.storage.keys import check_readable
from portable.storage.reads import expected_crc32, fetch_whole, reread

MAX_BYTES = 10 * 1024**3
ATTEMPTS = 5

T = TypeVar("T")


class Cache:
    """A bucket's objects, kept in a folder as long as they fit.

    Safe to share between threads and processes: an object that many ask for at once is fetched
    once. It may be pickled into a worker. What is written through the bucket is seen: see
    *immutable*.
    """

    def __init__(
        self,
        bucket: Bucket,
        folder: str | os.PathLike[str] | None = None,
        *,
        max_bytes: int = MAX_BYTES,
        immutable: bool = False,
    ) -> None:
        """Hold a cache; the folder is made, nothing is sent.

        Args:
            bucket: Where the objects are.
            folder: On a local disk; may hold the objects of many buckets. The user's cache
                folder unless given.
            max_bytes: Of all the objects in the folder, whichever bucket they are of; the ones
                used longest ago make room. One that doesn't fit is read from the bucket.
            immutable: Objects are never replaced: one that is cached is used without a
                request. Otherwise each use asks for the object's revision, one small request,
                and what is replaced is fetched again.

        Raises:
            InvalidArgument: *folder* can't be made or written to, or *max_bytes* is no size.
        """
        if type(max_bytes) is not int or max_bytes < 0:
            raise InvalidArgument(f"max_bytes is a number of bytes, not {max_bytes!r}")
        if not isinstance(bucket, Bucket):
            raise InvalidType(f"a cache is of a Bucket, not of {type(bucket).__name__}")
        self.bucket = bucket
        self.folder = _default_folder() if folder is None else Path(folder).absolute()
        self.max_bytes = max_bytes
        self.immutable = immutable
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidArgument(f"the cache folder {str(self.folder)!r}: {error}") from error
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise InvalidArgument(f"the cache folder {str(self.folder)!r} can't be written to")
        self._store = Store(self.folder, max_bytes)
        self._warned: set[int | None] = set()

    def __repr__(self) -> str:
        return f"Cache({self.bucket!r}, {str(self.folder)!r}, max_bytes={self.max_bytes})"

    def __reduce__(self) -> tuple[Callable[[], Cache], tuple[()]] | tuple[object, ...]:
        return _again, (self.bucket, self.folder, self.max_bytes, self.immutable)

    def get(self, key: str) -> bytes:
        """Return the object's bytes.

        Raises:
            NotFound: no such object.
        """
        with self.open(key) as file:
            return file.read()

    def open(self, key: str) -> BinaryIO:
        """Open the object for reading: a local file, or the bucket's reader where it can't be kept.

        Raises:
            NotFound: no such object.
        """
        with self.bucket._connection.located("open", key):
            lease = self._through(lambda: self._lease(key))
        if lease is None:
            return self.bucket.open(key)
        return cast("BinaryIO", io.BufferedReader(io.FileIO(lease.descriptor), 128 * 1024))

    @contextmanager
    def path(self, key: str) -> Iterator[Path]:
        """Lend the object as a local file, to be read only, as long as the block lasts.

        The file has the key's suffix. An object that can't be kept is lent beyond the limit.

        Raises:
            NotFound: no such object.
            NoSpace: the disk is full.
        """
        with self.bucket._connection.located("path", key):
            lease = self._through(lambda: self._lease(key))
        if lease is None:
            with self._outside(key) as path:
                yield path
            return
        try:
            yield lease.path
        finally:
            os.close(lease.descriptor)

    def used_bytes(self) -> int:
        """What the folder holds, objects that are being fetched included."""
        return self._store.used()

    def clear(self) -> None:
        """Remove every object of the folder that isn't being used, of whichever bucket."""
        self._store.clear()

    def _lease(self, key: str) -> Lease:
        if self.immutable:
            found = self._store.find(self._wanted(key, None))
            if found is not None:
                return found
        return self._fresh(key, self._fetch)

    def _fetch(self, key: str, info: StoredObject) -> Lease:
        return self._store.get(self._wanted(key, info.revision), info.size, self._fill(info))

    def _fresh(self, key: str, use: Callable[[str, StoredObject], T]) -> T:
        """Use the object as it is now; look again when it is replaced before it is read."""
        connection = self.bucket._connection
        full = connection.prefix + check_readable(key)
        for _ in range(ATTEMPTS):
            info = connection.call(lambda: connection.driver.stat(full))
            try:
                return use(key, info)
            except (PreconditionFailed, ObjectChanged):
                continue
        raise ObjectChanged("the object was replaced while it was read, again and again")

    def _wanted(self, key: str, revision: str | None) -> Wanted:
        connection = self.bucket._connection
        settings = connection.settings
        bucket = connection.provider, settings.endpoint_id, settings.url
        return Wanted.of(bucket, check_readable(key), revision)

    def _fill(self, info: StoredObject) -> Callable[[int], int]:
        """What writes an object to a descriptor."""
        connection = self.bucket._connection

        def fill(descriptor: int) -> int:
            def write(offset: int, data: Piece) -> None:
                done = 0
                while done < len(data):
                    done += os.pwrite(descriptor, data[done:], offset + done)

            def prepare(found: StoredObject) -> None:
                os.ftruncate(descriptor, found.size)

            found = reread(lambda: fetch_whole(connection, info.key, prepare, write, info.revision))
            expected = expected_crc32(found)
            return crc32_of(descriptor) if expected is None else expected

        return fill

    @contextmanager
    def _outside(self, key: str) -> Iterator[Path]:
        with ExitStack() as lent, self.bucket._connection.located("path", key):

            def use(key: str, info: StoredObject) -> Path:
                wanted = self._wanted(key, info.revision)
                return lent.enter_context(self._store.outside(wanted, info.size, self._fill(info)))

            try:
                path = self._fresh(key, use)
            except PortableError:
                raise
            except OSError as error:
                raise NoSpace(f"the cache folder {str(self.folder)!r}: {error}") from error
            yield path

    def _through(self, keep: Callable[[], T]) -> T | None:
        """What *keep* returns; `None` when the disk or the limit doesn't let it."""
        try:
            return keep()
        except NoRoom:
            return None
        except PortableError:
            raise
        except OSError as error:
            if error.errno not in self._warned:  # once is enough
                self._warned.add(error.errno)
                getLogger("portable.cache").warning(
                    "the cache folder %s can't be used, objects are read from the bucket: %s",
                    self.folder,
                    error,
                )
            return None


def _again(bucket: Bucket, folder: Path, max_bytes: int, immutable: bool) -> Cache:
    return Cache(bucket, folder, max_bytes=max_bytes, immutable=immutable)


def _default_folder() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("portable", appauthor=False) / "storage"
