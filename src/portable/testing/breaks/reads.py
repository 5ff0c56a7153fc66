"""Drivers that list, delete or read something else than there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from portable.errors import NotFound, PermissionDenied, PortableError
from portable.storage.around import DriverAround
from portable.storage.driver import (
    OpenRead,
    Page,
    StoredObject,
)


class _OtherLists(DriverAround):
    """Changes pages."""

    def change(self, page: Page, prefix: str) -> Page:
        return page

    def list(
        self, prefix: str, *, delimiter: bool, start_after: str, token: str | None, limit: int
    ) -> Page:
        page = super().list(
            prefix, delimiter=delimiter, start_after=start_after, token=token, limit=limit
        )
        return self.change(page, prefix)


class ListUnsorted(_OtherLists):
    """Lists as a folder's own order may be."""

    def change(self, page: Page, prefix: str) -> Page:
        return Page(page.objects[::-1], page.prefixes[::-1], page.token)


class ListBySegment(_OtherLists):
    """Takes a prefix for a folder."""

    def change(self, page: Page, prefix: str) -> Page:
        found = [
            stored
            for stored in page.objects
            if prefix in ("", stored.key) or prefix.endswith("/") or stored.key[len(prefix)] == "/"
        ]
        return Page(found, page.prefixes, page.token)


class ListFirstPage(_OtherLists):
    """Forgets that there is more."""

    def change(self, page: Page, prefix: str) -> Page:
        return Page(page.objects, page.prefixes, None)


class SwallowDelete(DriverAround):
    """Says that it is gone."""

    def delete(
        self, keys: Sequence[str], *, if_match: str | None = None
    ) -> Mapping[str, PortableError]:
        return {}


class DeleteMissingRaises(DriverAround):
    """Takes a missing object for a failure."""

    def delete(
        self, keys: Sequence[str], *, if_match: str | None = None
    ) -> Mapping[str, PortableError]:
        for key in keys:
            self.inner.stat(key)
        return self.inner.delete(keys, if_match=if_match)


class TruncateReads(DriverAround):
    """Gives all but the last byte, and says that this is all."""

    def read(self, key: str, *, start: int, end: int | None, if_match: str | None) -> OpenRead:
        body = self.inner.read(key, start=start, end=end, if_match=if_match)
        body.info = replace(body.info, size=max(0, body.info.size - 1), crc32=None, metadata=None)
        return body


class IgnoreRanges(DriverAround):
    """Gives the object from its start."""

    def read(self, key: str, *, start: int, end: int | None, if_match: str | None) -> OpenRead:
        return self.inner.read(key, start=0, end=None, if_match=if_match)


class IgnorePin(DriverAround):
    """Reads whichever revision is there."""

    def read(self, key: str, *, start: int, end: int | None, if_match: str | None) -> OpenRead:
        body = self.inner.read(key, start=start, end=end, if_match=None)
        if if_match is not None:
            body.info = replace(body.info, revision=if_match)
        return body


class DeniedIsMissing(DriverAround):
    """Reads a refusal as an absence."""

    def stat(self, key: str) -> StoredObject:
        try:
            return self.inner.stat(key)
        except PermissionDenied as error:
            raise NotFound("no such object") from error


class MissingIsEmpty(DriverAround):
    """Describes what isn't there."""

    def stat(self, key: str) -> StoredObject:
        try:
            return self.inner.stat(key)
        except NotFound:
            return StoredObject(
                key=key, size=0, revision="0", last_modified=datetime.now(UTC), metadata={}
            )
