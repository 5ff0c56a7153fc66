"""Where a transfer goes from and to: a local folder, or a folder of a bucket."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from portable.errors import InvalidArgument, NotFound, PreconditionFailed
from portable.storage.driver import FolderDriver
from portable.storage.keys import check_prefix
from portable.storage.listing import pages
from portable.storage.pinned import check_revision
from portable.transfers.contents import item_of
from portable.transfers.globs import Globs
from portable.transfers.items import Item
from portable.transfers.spill import in_order
from portable.transfers.walk import Walk, check_folder

if TYPE_CHECKING:
    from portable.storage.connection import Connection
    from portable.storage.driver import StoredObject


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of this machine.

    Attributes:
        path: Absolute, links in it resolved.
    """

    path: str

    @property
    def identity(self) -> str:
        """What names it for good."""
        return f"folder {self.path}"

    def __str__(self) -> str:
        return self.path

    def check_source(self) -> None:
        """Raise unless it is there."""
        check_folder(self.path)

    def check_target(self) -> None:
        """Raise when it can't be written to; it may be missing."""
        if os.path.lexists(self.path):
            check_folder(self.path)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder of a bucket.

    Attributes:
        folder: Empty for all of it, else ending in ``/``.
    """

    connection: Connection
    folder: str

    @property
    def identity(self) -> str:
        """What names it for good."""
        settings = self.connection.settings
        known = (self.connection.provider, settings.endpoint_id, settings.url, self.folder)
        return "bucket " + " ".join(known)

    def __str__(self) -> str:
        return self.connection.resource(self.folder)

    @property
    def prefix(self) -> str:
        """What full keys here begin with."""
        return self.connection.prefix + self.folder

    def stat(self, name: str) -> StoredObject:
        """Describe the object *name*."""
        connection, full = self.connection, self.prefix + name
        return connection.call(lambda: connection.driver.stat(full))

    def items(self, *, after: str, until: str | None, sort: bool) -> Iterator[Item]:
        """Its objects; arguments as in `listed`."""
        first, last = after.encode(), None if until is None else until.encode()
        home = self.prefix
        start = home + after if after and not sort else ""
        with self.connection.located("list", self.folder):
            for page in pages(self.connection, home, start_after=start):
                for stored in page.objects:
                    name = stored.key.removeprefix(home)
                    if not name or (name.endswith("/") and not stored.size):
                        continue  # what some tools leave for a folder
                    item = item_of(name, stored)
                    if last is not None and item.order > last:
                        if not sort:
                            return
                    elif item.order > first:
                        yield item

    def remove(self, item: Item) -> None:
        """Remove the object of *item*, if it is still that revision."""
        connection, full = self.connection, self.prefix + item.name
        driver, able = connection.driver, connection.capabilities
        condition = item.token if able.put_if_match else None
        try:
            if condition is None:
                check_revision(self.stat(item.name), item.token)
            errors = connection.call(lambda: driver.delete([full], if_match=condition))
        except NotFound:
            return
        except PreconditionFailed as error:
            try:
                self.stat(item.name)
            except NotFound:
                return  # gone already: some servers call that a failed condition, too
            raise PreconditionFailed("the object was replaced meanwhile, and is kept") from error
        for failure in errors.values():
            raise failure


Place: TypeAlias = Folder | Shelf


def shelf(connection: Connection, folder: str) -> Shelf:
    """A folder of a bucket; ``runs/7`` and ``runs/7/`` are the same, and not ``runs/70``."""
    named = check_prefix(folder).rstrip("/")
    return Shelf(connection, f"{named}/" if named else "")


def check_apart(source: Place, target: Place) -> None:
    """Raise when one is in the other: what arrives would be sent again, or deleted."""
    if isinstance(source, Folder) and isinstance(target, Folder):
        raise InvalidArgument(
            "both are folders of this machine: use shutil.copytree, or name one of them by a "
            "file:// URL to have it as a bucket"
        )
    one, other = sorted((_path(source), _path(target)), key=len)
    if other.startswith(one):
        raise InvalidArgument(
            f"source and target overlap: {source} and {target}. One in the other would be sent "
            f"again and again"
        )


def _path(place: Place) -> str:
    """Where it is, server and all; what is in it begins so."""
    if isinstance(place, Folder):
        return f" {Path(place.path).as_uri()}/"
    driver = place.connection.driver
    if isinstance(driver, FolderDriver):
        inside = Path(driver.file_of(f"{place.prefix}any"))
        return f" {inside.parent.resolve().as_uri()}/"
    settings, home = place.connection.settings, place.connection.prefix
    server = "" if settings.endpoint_id == settings.url else settings.endpoint_id
    base = settings.url.rstrip("/").removesuffix(home.rstrip("/"))
    return f"{server} {base.rstrip('/')}/{place.prefix}"


class Listed:
    """One side's listing, in the order of the names' bytes.

    Attributes:
        place: Of what.
    """

    def __init__(
        self,
        place: Place,
        globs: Globs,
        *,
        after: str = "",
        until: str | None = None,
        sort: bool = False,
    ) -> None:
        """Begin.

        Args:
            globs: What takes part.
            after: Only names after this one.
            until: Only names up to this one, itself included.
            sort: The server lists in another order: sort what it lists, on disk.
        """
        self.place = place
        self._globs = globs
        self._walk: Walk | None = None
        items: Iterator[Item]
        if isinstance(place, Folder):
            self._walk = Walk(place.path, globs=globs, after=after, until=until)
            items = iter(self._walk)
        else:
            items = place.items(after=after, until=until, sort=sort)
            if sort:
                items = map(unpacked, in_order(map(packed, items)))
        self._items = items

    @property
    def complete(self) -> bool:
        """Is nothing missing from what was listed so far?"""
        return self._walk is None or self._walk.complete

    def __iter__(self) -> Iterator[Item]:
        from portable.transfers.items import ordered

        for item in ordered(self._items, str(self.place)):
            # What can't be read hides names that may take part.
            if self._globs.takes(item.name) or item.name.endswith("/"):
                yield item


def packed(item: Item) -> bytes:
    """An item without a problem as a record that sorts by its name."""
    rest = json.dumps([item.size, item.token, item.crc32]).encode()  # the rest is asked for again
    return item.order + b"\0" + rest


def unpacked(record: bytes) -> Item:
    """Undo `packed`."""
    order, _, rest = record.partition(b"\0")
    size, token, crc32 = json.loads(rest)
    return Item(order.decode("utf-8", "surrogatepass"), order, size, token, crc32, left=crc32)
