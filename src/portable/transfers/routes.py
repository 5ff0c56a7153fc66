"""One object or file from its source to its target, and whether it need go."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from portable.errors import NotFound
from portable.storage import copies
from portable.storage.arguments import write_request
from portable.storage.reads import fetch_whole, reread
from portable.storage.uploads import PART_BYTES, part_bytes, store
from portable.storage.writes import WriteRequest
from portable.transfers.bytes_of import reading, write_at
from portable.transfers.contents import is_in, known, same
from portable.transfers.landing import Landing
from portable.transfers.local_errors import translated
from portable.transfers.multipart import store_resumably
from portable.transfers.partial import Download, mark_of
from portable.transfers.places import Folder, Place, Shelf
from portable.transfers.walk import file_token

if TYPE_CHECKING:
    from portable.storage.bodies import Piece
    from portable.storage.connection import Connection
    from portable.storage.driver import StoredObject
    from portable.transfers.items import Item

RESUMED_BYTES = 64 * 1024**2  # smaller ones are sent anew
# A file that was edited since may look as it did before: file systems tell times apart by up to
# 10 ms (Linux), 2 s (FAT).
SETTLED_NS = 2_000_000_000

Moved = Callable[[int], None]


class Equal(NamedTuple):
    """Source and target hold the same bytes.

    Attributes:
        source: Its token; empty where the same token may soon mean other bytes.
        target: As *source*.
    """

    source: str
    target: str


class Route(Protocol):
    """How things get from one place to another."""

    def weight(self, item: Item) -> int:
        """Bytes of memory that sending it may take."""

    def same(self, item: Item, there: Item) -> Equal | None:
        """Compare the content of two of one size; `None` where it differs or can't be told."""

    def send(self, item: Item, there: Item | None, moved: Moved) -> Equal:
        """Make the target's *item* the source's.

        Args:
            there: What the target has.
            moved: Called with each piece's bytes; what it raises ends the sending.
        """

    def remove(self, item: Item) -> None:
        """Remove the target's *item*, if it is the one that was listed."""

    def begin(self) -> None:
        """Called once, before anything is changed."""

    def finish(self, *, everything: bool) -> None:
        """Called once at the end: has all arrived that is to?"""


def route(source: Place, target: Place, *, durable: bool) -> Route:
    """How things get from *source* to *target*."""
    if isinstance(source, Folder):
        assert isinstance(target, Shelf)  # noqa: S101 - see `check_apart`
        return Uploading(source, target)
    if isinstance(target, Folder):
        return Downloading(source, target, durable=durable)
    return Copying(source, target)


class _ToShelf:
    """What is the same for all that goes into a bucket."""

    def __init__(self, target: Shelf) -> None:
        self.target = target

    def weight(self, item: Item) -> int:
        if item.size <= PART_BYTES:
            return item.size
        connection = self.target.connection
        return (connection.settings.concurrency + 2) * part_bytes(connection, item.size)

    def remove(self, item: Item) -> None:
        self.target.remove(item)

    def begin(self) -> None:
        """Nothing to prepare."""

    def finish(self, *, everything: bool) -> None:
        """Nothing to clean."""


class Uploading(_ToShelf):
    """Files into a bucket."""

    def __init__(self, source: Folder, target: Shelf) -> None:
        super().__init__(target)
        self.source = source

    def same(self, item: Item, there: Item) -> Equal | None:
        found = known(self.target, there)
        if found is None:
            return None
        begin, path = time.time_ns(), self._path(item)
        with translated(item.name):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                if not is_in(found, descriptor):
                    return None
                return Equal(_settled(os.fstat(descriptor), item.token, begin), found.token)
            finally:
                os.close(descriptor)

    def send(self, item: Item, there: Item | None, moved: Moved) -> Equal:  # noqa: ARG002
        connection, name = self.target.connection, self.target.folder + item.name
        begin = time.time_ns()
        request = _request(connection, name)
        full, path = connection.prefix + name, self._path(item)
        pieces = _Pieces(moved)

        def once() -> StoredObject:
            with translated(item.name), reading(path) as source:
                if item.size < RESUMED_BYTES:
                    return store(connection, full, source, request, pieces)
                return store_resumably(connection, full, source, request, item.token, pieces)

        with connection.located("put", name):
            try:
                stored = once()
            except NotFound as error:
                if type(error) is not NotFound:  # the bucket's
                    raise
                stored = once()  # what was begun was dropped
        return Equal(_settled(os.lstat(path), item.token, begin), stored.revision)

    def _path(self, item: Item) -> str:
        return f"{self.source.path}/{item.name}"


class Downloading:
    """Objects into a folder."""

    def __init__(self, source: Shelf, target: Folder, *, durable: bool) -> None:
        self.source = source
        self.landing = Landing(target.path, durable=durable)

    def weight(self, item: Item) -> int:
        return min(item.size, 1024**2)

    def same(self, item: Item, there: Item) -> Equal | None:
        found = known(self.source, item)
        if found is None:
            return None
        begin = time.time_ns()
        with self.landing.reading(item.name) as file:
            if not is_in(found, file):
                return None
            return Equal(found.token, _settled(os.fstat(file), there.token, begin))

    def send(self, item: Item, there: Item | None, moved: Moved) -> Equal:
        name = self.source.folder + item.name
        seen = None if there is None else there.token
        with self.source.connection.located("download", name):
            if item.size < RESUMED_BYTES:
                return self._small(item, seen, moved)
            return reread(lambda: self._large(item, seen, moved))

    def _small(self, item: Item, seen: str | None, moved: Moved) -> Equal:
        connection, full = self.source.connection, self.source.prefix + item.name
        with self.landing.arriving(item.name, seen) as arrival:

            def write(offset: int, data: Piece) -> None:
                write_at(arrival.file, offset, data)
                moved(len(data))

            def once() -> StoredObject:
                if os.fstat(arrival.file).st_size:
                    os.ftruncate(arrival.file, 0)  # what was read before wasn't what was written
                return fetch_whole(connection, full, lambda _: None, write)

            stored = reread(once)
        return Equal(stored.revision, arrival.token)

    def _large(self, item: Item, seen: str | None, moved: Moved) -> Equal:
        connection, info = self.source.connection, self.source.stat(item.name)
        with self.landing.keeping(item.name, seen, mark_of(connection, info)) as arrival:
            Download(connection, info, arrival.file, arrival.notes, moved).run()
        return Equal(info.revision, arrival.token)

    def remove(self, item: Item) -> None:
        self.landing.remove(item.name, item.token)

    def begin(self) -> None:
        self.landing.sweep()

    def finish(self, *, everything: bool) -> None:
        self.landing.sweep(finished=everything)


class Copying(_ToShelf):
    """Objects from bucket to bucket: on the server where it reaches both, else through here."""

    def __init__(self, source: Shelf, target: Shelf) -> None:
        super().__init__(target)
        self.source = source

    def same(self, item: Item, there: Item) -> Equal | None:
        found, other = known(self.source, item), known(self.target, there)
        if found is None or other is None or not same(found, other):
            return None
        return Equal(found.token, other.token)

    def send(self, item: Item, there: Item | None, moved: Moved) -> Equal:  # noqa: ARG002
        origin, home = self.source.connection, self.target.connection
        name = self.target.folder + item.name
        _request(home, name)  # the key's rules
        pieces = _Pieces(moved)
        with origin.located("copy", self.source.folder + item.name):
            found, stored = copies.copy(
                origin, self.source.prefix + item.name, home, home.prefix + name, pieces
            )
        pieces(found.size)  # on the server it comes all at once
        return Equal(found.revision, stored.revision)


class _Pieces:
    """Turns what a write calls, with the bytes so far, into a call for each piece."""

    def __init__(self, moved: Moved) -> None:
        self._moved = moved
        self._so_far = 0

    def __call__(self, done: int, _whole: int | None = None) -> None:
        piece, self._so_far = done - self._so_far, done
        self._moved(max(piece, 0))


def _request(connection: Connection, key: str) -> WriteRequest:
    return write_request(
        connection,
        key,
        content_type=None,
        metadata=None,
        if_absent=False,
        if_match=None,
        storage_class=None,
    )


def _settled(status: os.stat_result, token: str, begin: int) -> str:
    """*token*, if that is the file's still and a later edit would change it; else empty."""
    now = file_token(status)
    return token if now == token and begin - status.st_ctime_ns > SETTLED_NS else ""
