"""What is there: describing and listing, never from a cache."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from portable.errors import NotFound
from portable.integrations.fsspec.located import Located
from portable.integrations.fsspec.places import Entry, Place

if TYPE_CHECKING:
    from portable.storage import ObjectInfo


class Looking(Located):
    """Describes objects, and what is the beginning of keys as directories."""

    def info(self, path: str, **_: Any) -> Entry:
        """Describe an object, or what is the beginning of keys as a directory.

        Raises:
            NotFound: neither.
        """
        place = self._place(path)
        if not place.key:
            return place.folder()
        try:
            return place.file(place.bucket.stat(place.key))
        except NotFound as error:
            if type(error) is NotFound and _anything_below(place):
                return place.folder()
            raise

    def exists(self, path: str, **_: Any) -> bool:
        """Is there an object or a directory? Any failure but `NotFound` is raised."""
        return self.isfile(path) or self.isdir(path)

    def isfile(self, path: str) -> bool:
        """Is there an object?"""
        place = self._place(path)
        return bool(place.key) and place.bucket.exists(place.key)

    def isdir(self, path: str) -> bool:
        """Is there an object below? In the cloud there may also be one at the path itself."""
        place = self._place(path)
        return not place.key or _anything_below(place)

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Entry] | list[object]:
        """What is directly below, or the object itself.

        Raises:
            NotFound: nothing is there.
        """
        place = self._place(path)
        level = place.bucket.listdir(place.prefix)
        entries = [place.file(info) for info in level.objects if not info.key.endswith("/")]
        # `a//b` has no path that leads to it step by step; `find` has it.
        entries += [place.folder(found) for found in level.prefixes if _is_folder(found)]
        if place.key and not level.objects and not level.prefixes:
            entries = [place.file(place.bucket.stat(place.key))]
        entries.sort(key=lambda entry: str(entry["name"]))
        return entries if detail else [entry["name"] for entry in entries]

    def find(
        self,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool = False,
        detail: bool = False,
        **options: Any,
    ) -> list[str] | dict[str, Entry]:
        """Every object below, by one flat listing; with *maxdepth*, level by level."""
        if maxdepth is not None:
            deep: Any = super().find(path, maxdepth, withdirs, detail, **options)
            return deep  # type: ignore[no-any-return]
        place = self._place(path)
        found: dict[str, Entry] = {}
        folders = {place.key} if place.key else set()
        for info in place.bucket.list(place.prefix):
            if not info.key.endswith("/"):
                found[place.home + info.key] = place.file(info)
            folders.update(_folders_of(info.key, below=place.prefix))
        if not found and self.isfile(path):
            found = {place.home + place.key: self.info(path)}
        elif withdirs and found:
            found |= {str(entry["name"]): entry for entry in map(place.folder, folders)}
        names = sorted(found)
        return {name: found[name] for name in names} if detail else names

    def du(
        self,
        path: str,
        total: bool = True,
        maxdepth: int | None = None,
        withdirs: bool = False,
        **options: Any,
    ) -> int | dict[str, int]:
        """Bytes below, all together or by path."""
        found: Any = self.find(path, maxdepth, withdirs, detail=True, **options)
        sizes = {name: int(entry["size"]) for name, entry in found.items()}
        return sum(sizes.values()) if total else sizes

    def created(self, path: str) -> datetime:
        """The same as `modified`: objects are replaced, never changed."""
        return self.modified(path)

    def modified(self, path: str) -> datetime:
        """When the object was stored; aware UTC."""
        return self._stat(path).last_modified

    def ukey(self, path: str) -> str:
        """The object's revision: another one whenever it was replaced."""
        return self._stat(path).revision

    def checksum(self, path: str) -> int:
        """A number that is another one whenever the object was replaced."""
        return int(hashlib.sha256(self.ukey(path).encode()).hexdigest(), 16)

    def sign(self, path: str, expiration: int = 100, *, method: str = "GET", **_: Any) -> str:
        """A URL that anyone may use for *expiration* seconds.

        Raises:
            Unsupported: this provider can't sign.
        """
        place = self._place(path)
        return str(place.bucket.sign(place.key, method=method, expires=expiration))

    def _stat(self, path: str) -> ObjectInfo:
        place = self._place(path)
        return place.bucket.stat(place.key)


def _is_folder(prefix: str) -> bool:
    return prefix != "/" and not prefix.endswith("//")


def _folders_of(key: str, *, below: str) -> Iterable[str]:
    """The directories that lead to *key*, none of them above or at *below*."""
    place = len(below)
    while (place := key.find("/", place) + 1) > 0:
        if _is_folder(key[:place]):
            yield key[: place - 1]


def _anything_below(place: Place) -> bool:
    return any(True for _ in place.bucket.list(place.prefix, limit=1))
