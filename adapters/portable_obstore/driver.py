"""`FastDriver`: what obstore does exactly alike goes by obstore, the rest by the SDK's driver."""

from __future__ import annotations

import hashlib
import re
import sys
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore.exceptions import UnauthenticatedError

from portable.errors import PortableError, PreconditionFailed, Throttled, Unsupported
from portable.storage.around import DriverAround
from portable.storage.driver import (
    Capabilities,
    OpenRead,
    StorageDriver,
    StoredObject,
    WriteOptions,
)
from portable.storage.keys import is_plain
from portable_obstore import choice
from portable_obstore.dialect import SMALL_BYTES, Dialect, Puts
from portable_obstore.failures import RAISED, Illegible, Unclear, verdict
from portable_obstore.reading import FastRead

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult
    from obstore.store import ObjectStore

T = TypeVar("T")

SUSPENDED_SECONDS = 30.0
ODD_KEYS = 10_000
_MD5 = re.compile(r"[0-9a-f]{32}")


class FastDriver(DriverAround):
    """`StorageDriver` over one bucket, with two engines that can't be told apart.

    The SDK's driver is made when it is first needed. Listings go by it, since obstore's prefixes
    are whole segments, and so does `stat`, since obstore doesn't tell the storage class.
    """

    def __init__(
        self,
        dialect: Dialect,
        make_sdk: Callable[[], StorageDriver],
        *,
        puts: Puts | None = None,
        demanded: bool,
    ) -> None:
        """Hold both engines.

        Args:
            puts: Which puts obstore sends; none unless given.
            demanded: Use obstore even where the SDK may be mocked, and say so where it can't be
                used.
        """
        self._dialect = dialect
        self._puts = puts
        self._make_sdk = make_sdk
        self._demanded = demanded
        self._lock = threading.Lock()
        self._sdk: StorageDriver | None = None
        self._store: ObjectStore | None = None
        self._is_open = False
        self._seen = False
        self._suspended_until = 0.0
        self._odd: set[str] = set()
        choice.remember(self)

    @property
    def inner(self) -> StorageDriver:
        """The SDK's driver."""
        if self._sdk is None:
            with self._lock:
                if self._sdk is None:
                    self._sdk = self._make_sdk()
        return self._sdk

    @property
    def capabilities(self) -> Capabilities:
        return self._dialect.capabilities

    def read(self, key: str, *, start: int, end: int | None, if_match: str | None) -> OpenRead:
        store = self._fast(key) if is_plain(key) and _is_sendable(if_match or "") else None
        if store is None:
            return self.inner.read(key, start=start, end=end, if_match=if_match)
        is_whole = start == 0 and end is None
        options = None
        if not is_whole or if_match is not None:
            options = self._options(start, end, if_match)
        try:
            result = obstore.get(store, key, options=options)
            info = self._dialect.described(key, result.meta, result.attributes)
            if info is None:
                raise self._unclear(key)
        except RAISED as error:
            return self._after(
                error,
                key,
                lambda: self.inner.read(key, start=start, end=end, if_match=if_match),
            )
        self._seen = True
        if if_match is not None and info.revision != if_match:
            raise PreconditionFailed("the object is another revision")
        if is_whole and info.crc32 is None and self._dialect.vouches:
            return self._proven(info, result, if_match)
        return FastRead(info, result, self._dialect)

    def put(
        self, key: str, body: bytes | memoryview, crc32: int, write: WriteOptions
    ) -> StoredObject:
        puts = self._puts
        store = self._fast(key) if puts and _is_plain_put(body, write, puts.put_max) else None
        if puts is None or store is None:
            return self.inner.put(key, body, crc32, write)
        attributes = {**write.metadata, "Content-Type": write.content_type}
        try:
            result = obstore.put(store, key, body, attributes=attributes, use_multipart=False)
        except RAISED as error:
            return self._after(error, key, lambda: self.inner.put(key, body, crc32, write))
        stored = puts.written(key, len(body), result, write)
        if stored is None:
            raise self._unclear(key)
        self._seen = True
        return stored

    def close(self) -> None:
        self._store = None
        if self._sdk is not None:
            self._sdk.close()

    def _fast(self, key: str) -> ObjectStore | None:
        """The store, when a call about *key*, which is plain, may go by it."""
        if choice.forked or (self._dialect.mocked_by in sys.modules and not self._demanded):
            return None
        if key in self._odd:
            return None
        if self._suspended_until and time.monotonic() < self._suspended_until:
            return None
        return self._store if self._is_open else self._open()

    def _open(self) -> ObjectStore | None:
        store = self._dialect.open(lambda: self.inner)
        if store is None and self._demanded:
            raise Unsupported(
                'engine = "fast" can\'t do what is configured here, or there are no credentials '
                '(docs/engines.md has the list); use engine = "auto", which says what is missing'
            )
        with self._lock:
            if not self._is_open:
                self._store, self._is_open = store, True
            return self._store

    def _options(self, start: int, end: int | None, if_match: str | None) -> GetOptions:
        options = _range(start, end)
        if if_match is not None and self._dialect.pins:
            options["if_match"] = if_match
        return options

    def _proven(self, info: StoredObject, result: GetResult, if_match: str | None) -> OpenRead:
        """A whole object without our stamp: its ETag may prove it, else the server's checksum."""
        held = None
        if info.size <= SMALL_BYTES:
            held = b""
            body = FastRead(info, result, self._dialect)
            while piece := body.read(SMALL_BYTES):
                held += piece
            if _is_md5(info.etag, held):
                return FastRead(replace(info, crc32=zlib.crc32(held)), result, self._dialect, held)
        known = self.inner.stat(info.key)
        if known.revision != info.revision:
            return self.inner.read(info.key, start=0, end=None, if_match=if_match)
        return FastRead(replace(info, crc32=known.crc32), result, self._dialect, held)

    def _after(self, error: Exception, key: str, ask_sdk: Callable[[], T]) -> T:
        """Go on after obstore's *error*: raise what may pass, ask the SDK for all else."""
        if isinstance(error, PortableError):
            raise error
        found = verdict(error, self._dialect)
        if isinstance(found, Illegible):
            self._leave(key)
            return ask_sdk()
        if isinstance(found, Unclear):
            raise self._unclear(key) from error
        if isinstance(found, Throttled):
            self._suspend()  # the server may have said when to come back, which the SDK hears
        if found is not None:
            raise found from error
        if isinstance(error, UnauthenticatedError):
            self._is_open = False  # with credentials that the SDK may renew now
        return ask_sdk()

    def _unclear(self, key: str) -> PortableError:
        """An answer that isn't the provider's, or not as obstore knows it; the SDK is next."""
        if not self._seen:
            self._suspend()  # maybe no answer of this server is as obstore knows them
        self._leave(key)
        return Unclear("an answer isn't as it should be, or not all of it", ambiguous=True)

    def _leave(self, key: str) -> None:
        """Let calls about *key* go by the SDK."""
        if len(self._odd) < ODD_KEYS:
            self._odd.add(key)

    def _suspend(self) -> None:
        """Let all calls go by the SDK for a while."""
        self._suspended_until = time.monotonic() + SUSPENDED_SECONDS


def _range(start: int, end: int | None) -> GetOptions:
    if start < 0:
        return {"range": {"suffix": -start}}
    if end is not None:
        return {"range": (start, end)}
    return {"range": {"offset": start}} if start else {}


def _is_plain_put(body: bytes | memoryview, write: WriteOptions, longest: int) -> bool:
    return (
        len(body) <= longest
        and not write.if_absent
        and write.if_match is None
        and write.storage_class is None
        and _is_sendable("".join(write.metadata.values()))
    )


def _is_sendable(text: str) -> bool:
    """Can a header have it? Anything else in one makes obstore panic."""
    return text.isascii() and text.isprintable()


def _is_md5(etag: str | None, body: bytes) -> bool:
    if etag is None or _MD5.fullmatch(etag) is None:
        return False
    return hashlib.md5(body, usedforsecurity=False).hexdigest() == etag
