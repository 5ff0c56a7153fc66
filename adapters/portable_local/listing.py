"""Walking a tree of files in the order of the keys' bytes, one folder's names in memory a level.

Below one folder, the object ``a`` comes before ``a-b``, which comes before what is in the folder
``a/``: names sort by their segment's bytes, a folder's with ``/`` at its end. The pieces of long
segments are looked into first, since such segments belong between the others.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from portable.errors import PermissionDenied
from portable.storage.driver import StoredObject
from portable_local.folders import open_folder
from portable_local.names import MORE, path_of, segment_of
from portable_local.objects import Objects, describe_foreign

# A name in a folder: its bytes in the key, and its path where that is not the same.
_Entry = tuple[bytes, tuple[str, ...] | None]


@dataclass(slots=True)
class _Level:
    names: tuple[str, ...]
    above: str  # the keys' common beginning
    entries: list[_Entry]  # last one first


@dataclass(slots=True)
class Taken:
    """One page of a walk."""

    objects: list[StoredObject] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last: str = ""
    more: bool = False


class Walk:
    """One listing. It holds no descriptor between pages.

    Args:
        objects: Where to look.
        prefix: What the keys begin with.
        delimiter: Fold what continues past the next ``/``?
        after: Only keys after this one, by bytes.
        past: Is *after* a folded prefix, all of which is done?
    """

    def __init__(
        self, objects: Objects, prefix: str, *, delimiter: bool, after: str, past: bool = False
    ) -> None:
        self._objects = objects
        self._prefix = prefix
        self._delimiter = delimiter
        self._after = _bytes(after)
        self._past = past
        self._levels: list[_Level] = []
        self._folder: tuple[tuple[str, ...], int] | None = None
        above, slash, rest = prefix.rpartition("/")
        self._enter(path_of(above) if slash else (), above + slash, rest)

    def take(self, limit: int) -> Taken:
        """Return the next *limit* entries."""
        taken = Taken()
        try:
            while self._levels and len(taken.objects) + len(taken.prefixes) < limit:
                level = self._levels[-1]
                if level.entries:
                    self._visit(level, *level.entries.pop(), taken)
                else:
                    self._levels.pop()
        finally:
            self._leave()
        taken.more = any(level.entries for level in self._levels)
        return taken

    def _visit(
        self, level: _Level, order: bytes, path: tuple[str, ...] | None, taken: Taken
    ) -> None:
        key = level.above + order.decode()
        if not key.endswith("/"):
            stored = self._describe(level, key, path or (key[len(level.above) :],))
            if stored is not None:
                taken.objects.append(stored)
                taken.last = key
        elif not self._delimiter:
            self._enter(level.names + (path or (key[len(level.above) : -1],)), key, "")
        elif self._holds_objects(key):
            taken.prefixes.append(key)
            taken.last = key

    def _enter(self, names: tuple[str, ...], above: str, rest: str) -> None:
        try:
            with self._objects.root.folder(names) as folder:
                entries = self._wanted(above, rest, _entries(folder))
        except (FileNotFoundError, NotADirectoryError, PermissionDenied):
            return  # gone, or a symbolic link
        entries.sort(reverse=True)
        self._levels.append(_Level(names, above, entries))

    def _wanted(self, above: str, rest: str, entries: Iterator[_Entry]) -> list[_Entry]:
        start, lead, after = _bytes(rest), _bytes(above), self._after
        if after.startswith(lead):
            after = after[len(lead) :]
        elif after > lead:
            return []
        else:
            after = b""
        return [
            (order, path)
            for order, path in entries
            if order.startswith(start)
            and (order > after or (not self._past and _is_folder_of(order, after)))
        ]

    def _holds_objects(self, folder: str) -> bool:
        after = self._after if self._after.startswith(_bytes(folder)) else b""
        below = Walk(
            self._objects, folder, delimiter=False, after=after.decode("utf-8", "surrogatepass")
        )
        return bool(below.take(1).objects)

    def _describe(self, level: _Level, key: str, path: Sequence[str]) -> StoredObject | None:
        try:
            folder = self._open(level.names + tuple(path[:-1]))
            try:
                found = self._objects.find_in(folder, path[-1])
            except PermissionError as error:
                if isinstance(error, PermissionDenied):
                    return None  # a symbolic link
                # Not to be read, but it is there.
                status = os.stat(path[-1], dir_fd=folder, follow_symlinks=False)
                return describe_foreign(key, status)
        except (FileNotFoundError, NotADirectoryError, PermissionDenied):
            return None
        with found:
            if self._objects.is_other(found, key):
                # In a folder whose name the file system doesn't tell from the key's.
                key = found.written_as or key
            return found.describe(key) if key.startswith(self._prefix) else None

    def _open(self, names: tuple[str, ...]) -> int:
        if self._folder is None or self._folder[0] != names:
            self._leave()
            self._folder = (names, self._objects.root.open(names))
        return self._folder[1]

    def _leave(self) -> None:
        if self._folder is not None:
            os.close(self._folder[1])
            self._folder = None


def _entries(folder: int, pieces: tuple[str, ...] = ()) -> Iterator[_Entry]:
    with os.scandir(folder) as found:
        for entry in found:
            name = entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if is_folder and name.endswith(MORE):
                with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionDenied):
                    below = open_folder(name, folder)
                    try:
                        yield from _entries(below, (*pieces, name))
                    finally:
                        os.close(below)
            elif is_folder or entry.is_file(follow_symlinks=False):
                path = (*pieces, name)
                segment = segment_of(path)
                if segment is not None:
                    order = segment.encode() + (b"/" if is_folder else b"")
                    yield order, None if path == (segment,) else path


def _is_folder_of(order: bytes, key: bytes) -> bool:
    return order.endswith(b"/") and key.startswith(order)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
