"""A driver with short calls, and a look at the files below it that goes around it."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from portable.errors import PortableError
from portable.storage.driver import Part, StoredObject, UploadedPart, WriteOptions
from portable_local.settings import LocalSettings
from portable_local.staging import Naming
from portable_local.storage import LocalStorage

Attributes = Literal["auto", "records"]
Durability = Literal["full", "fast"]
WAYS: Sequence[tuple[Attributes, Naming]] = [
    ("auto", "unnamed"),
    ("auto", "named"),
    ("records", "unnamed"),
    ("records", "named"),
]


class Store:
    def __init__(
        self,
        root: Path,
        way: tuple[Attributes, Naming] = ("auto", "auto"),
        durability: Durability = "fast",
    ) -> None:
        self.root = root
        self.way = way
        self.driver = LocalStorage(
            LocalSettings(path=str(root), durability=durability), attributes=way[0], naming=way[1]
        )

    def put(
        self,
        key: str,
        body: bytes | memoryview = b"x",
        *,
        content_type: str = "text/plain",
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | None = None,
    ) -> StoredObject:
        write = options(content_type, metadata, if_absent, if_match)
        return self.driver.put(key, body, zlib.crc32(body), write)

    def upload(
        self, key: str, pieces: Sequence[bytes], *, if_absent: bool = False, order: int = 1
    ) -> StoredObject:
        write = options(if_absent=if_absent)
        upload = self.driver.begin(key, write)
        try:
            sent = send(self, key, upload, pieces, order)
            crc32 = zlib.crc32(b"".join(pieces))
            return self.driver.commit(key, upload, sent, crc32, write)
        except PortableError:
            self.driver.abort(key, upload)
            raise

    def get(
        self, key: str, start: int = 0, end: int | None = None, if_match: str | None = None
    ) -> bytes:
        answer = self.driver.read(key, start=start, end=end, if_match=if_match)
        with contextlib.closing(answer):
            return b"".join(iter(lambda: answer.read(1 << 20), b""))

    def stat(self, key: str) -> StoredObject:
        return self.driver.stat(key)

    def copy(self, source: str, target: str) -> StoredObject | None:
        return self.driver.copy(self.stat(source), target, origin=self.driver)

    def delete(self, *keys: str) -> Mapping[str, PortableError]:
        return self.driver.delete(keys)

    def objects(
        self, prefix: str = "", *, start_after: str = "", limit: int = 1000, again: bool = False
    ) -> Iterator[StoredObject]:
        for found in self.entries(
            prefix, delimiter=False, start_after=start_after, limit=limit, again=again
        ):
            assert isinstance(found, StoredObject)
            yield found

    def keys(self, prefix: str = "", *, start_after: str = "", limit: int = 1000) -> list[str]:
        return [found.key for found in self.objects(prefix, start_after=start_after, limit=limit)]

    def entries(
        self,
        prefix: str = "",
        *,
        delimiter: bool = True,
        start_after: str = "",
        limit: int = 1000,
        again: bool = False,
    ) -> Iterator[StoredObject | str]:
        """Follow the pages; *again*: by another driver, which knows only the token."""
        token: str | None = None
        while True:
            driver = Store(self.root, self.way).driver if again else self.driver
            page = driver.list(
                prefix, delimiter=delimiter, start_after=start_after, token=token, limit=limit
            )
            assert len(page.objects) + len(page.prefixes) <= limit
            entries: list[StoredObject | str] = [*page.objects, *page.prefixes]
            yield from sorted(entries, key=lambda entry: key_of(entry).encode())
            token = page.token
            if token is None:
                return

    def leftovers(self) -> list[str]:
        """Staged names, and records of files that are gone."""
        live = {f"{path.lstat().st_ino:x}" for path in self.root.rglob("*") if path.is_file()}
        internal = self.root / "%portable"
        staged = [path.name for path in internal.glob("staging/*")]
        return staged + [
            path.name for path in internal.glob("attributes/*/*") if path.name not in live
        ]

    def files(self) -> list[str]:
        """Paths of all files but the internal ones."""
        return sorted(
            str(path.relative_to(self.root))
            for path in self.root.rglob("*")
            if not path.is_dir() and "%portable" not in path.parts
        )


Make = Callable[..., Store]


def options(
    content_type: str = "text/plain",
    metadata: Mapping[str, str] | None = None,
    if_absent: bool = False,
    if_match: str | None = None,
) -> WriteOptions:
    return WriteOptions(
        content_type=content_type, metadata=metadata or {}, if_absent=if_absent, if_match=if_match
    )


def send(
    store: Store, key: str, upload: str, pieces: Sequence[bytes], order: int = 1
) -> list[UploadedPart]:
    """Upload *pieces*, the last one first when *order* is -1."""
    parts = []
    offset = 0
    for number, piece in enumerate(pieces, 1):
        parts.append(Part(number, offset, piece, zlib.crc32(piece)))
        offset += len(piece)
    return [store.driver.upload_part(key, upload, part) for part in parts[::order]]


def key_of(entry: StoredObject | str) -> str:
    return entry if isinstance(entry, str) else entry.key


def forked(work: Callable[[], None]) -> int:
    """Run *work* in a child process and return its id; the child ends with status 0 if it did."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return child


def joined(children: Sequence[int]) -> None:
    """Wait for children that must have succeeded."""
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * len(children)
