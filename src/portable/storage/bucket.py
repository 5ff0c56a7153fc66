"""`Bucket`: what users hold. The same behaviour on every provider (docs/semantics.md)."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TextIO, cast, overload

from portable.adapter import StorageSettings
from portable.errors import InvalidArgument, NotFound, PortableError
from portable.retry import Surroundings
from portable.storage import listing, opening, reads
from portable.storage.arguments import lifetime, to_sign, write_request
from portable.storage.bodies import Body
from portable.storage.connecting import connection_by
from portable.storage.descriptions import describe
from portable.storage.housekeeping import Housekeeping
from portable.storage.keys import check_prefix, check_readable
from portable.storage.streams import ObjectWriter, TextWriter
from portable.storage.types import Listing, ObjectInfo, SignedRequest
from portable.storage.uploads import Progress
from portable.storage.uploads import put as put_object
from portable.values import Seconds

if TYPE_CHECKING:
    from portable.storage.connection import Connection
    from portable.storage.driver import Capabilities, StorageDriver


class Bucket(Housekeeping):
    """Objects by key, at one provider.

    Safe to use from many threads, after `fork`, and to pickle: a bucket travels into a worker
    process, its connections don't. Make one with `portable.open_bucket`.
    """

    def __init__(
        self,
        connect: Callable[[], StorageDriver],
        settings: StorageSettings,
        *,
        provider: str,
        surroundings: Surroundings | None = None,
    ) -> None:
        """Hold a bucket; nothing is sent.

        Args:
            connect: Makes the driver, once in each process; picklable where the bucket must be.
            settings: Its prefix and limits are used here; the rest is the driver's.
            provider: The adapter's name, shown in errors.
            surroundings: Clock, sleep and chance, for tests.
        """
        self._own = connection_by(connect, settings, provider, surroundings)

    @property
    def _connection(self) -> Connection:
        return self._own

    def __repr__(self) -> str:
        return f"Bucket({self.url!r})"

    @property
    def url(self) -> str:
        """Where it is, prefix included."""
        return self._connection.settings.url

    @property
    def provider(self) -> str:
        """The adapter's name."""
        return self._connection.provider

    @property
    def capabilities(self) -> Capabilities:
        """What the server does beyond the common rules, and its limits."""
        return self._connection.capabilities

    @property
    def native(self) -> Any:
        """The SDK's own client, for what `portable` has no word for. Not portable."""
        return self._connection.driver.native

    def close(self) -> None:
        """Drop connections and threads; the next call makes new ones."""
        self._connection.close()

    def put(
        self,
        key: str,
        data: Body,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | None = None,
        storage_class: str | None = None,
        progress: Progress | None = None,
    ) -> ObjectInfo:
        """Store *data* at *key*, whole or not at all.

        When it returns, the object is durable and the next `get` from any process has it. When
        it fails, what was there before still is.

        Args:
            key: 1 to 1,024 bytes of UTF-8, the prefix included; segments joined by ``/``.
            data: Bytes, a `pathlib.Path`, a binary file (read from where it stands) or an
                iterable of bytes. More than 8 MiB goes in parts, several at once.
            content_type: Guessed from the key unless given.
            metadata: Names of ``[a-z][a-z0-9_]*``; any text as values; 2 KiB in all.
            if_absent: Only if there is no object.
            if_match: Only if the object is this revision.
            storage_class: The provider's own name.
            progress: Called with bytes sent and bytes in all, `None` where that isn't known.

        Raises:
            AlreadyExists: *if_absent* and the key exists.
            PreconditionFailed: *if_match* isn't the object's revision, or it is missing.
            OutcomeUnknown: a conditional write's answer was lost and can't be settled.
            InvalidKey, InvalidArgument, InvalidType, Unsupported: nothing was sent.
            IntegrityError: the data changed on the way or while it was read.
        """
        connection = self._connection
        try:  # here and in `get`: `located` would take 4 calls of its own
            request = write_request(
                connection,
                key,
                content_type=content_type,
                metadata=metadata,
                if_absent=if_absent,
                if_match=if_match,
                storage_class=storage_class,
            )
            stored = put_object(connection, connection.prefix + key, data, request, progress)
            return describe(connection, stored)
        except PortableError as error:
            connection.explain(error, "put", key)
            raise

    def get(
        self,
        key: str,
        *,
        range: tuple[int | None, int | None] | None = None,
        if_match: str | None = None,
    ) -> bytes:
        """Return the object's bytes, verified, or a range of them.

        Args:
            key: As it was put; a foreign object's key may be any text.
            range: ``(start, end)`` as ``data[start:end]`` would slice it.
            if_match: Only this revision.

        Raises:
            NotFound: no such object.
            PreconditionFailed: *if_match* isn't its revision.
            ObjectChanged: it was replaced while it was read, again and again.
            IntegrityError: the bytes aren't those that were written.
        """
        connection = self._connection
        try:
            full = connection.prefix + check_readable(key)
            wanted = None if range is None else reads.check_range(range)
            return reads.get(connection, full, wanted, if_match)
        except PortableError as error:
            connection.explain(error, "get", key)
            raise

    def get_ranges(self, key: str, ranges: Sequence[tuple[int | None, int | None]]) -> list[bytes]:
        """Return several ranges of one revision of an object, in the order asked.

        Ranges that are near each other share a request, the others run side by side.

        Raises:
            NotFound: no such object.
            ObjectChanged: it was replaced meanwhile.
        """
        connection = self._connection
        with connection.located("get_ranges", key):
            full = connection.prefix + check_readable(key)
            wanted = [reads.check_range(pair) for pair in ranges]
            return reads.get_ranges(connection, full, wanted)

    @overload
    def open(
        self, key: str, mode: Literal["rb"] = "rb", *, if_match: str | None = None
    ) -> BinaryIO: ...
    @overload
    def open(
        self,
        key: str,
        mode: Literal["wb"],
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | None = None,
        storage_class: str | None = None,
    ) -> ObjectWriter: ...
    @overload
    def open(
        self,
        key: str,
        mode: Literal["rt", "r"],
        *,
        encoding: str = "utf-8",
        errors: str = "strict",
        newline: str | None = None,
        if_match: str | None = None,
    ) -> TextIO: ...
    @overload
    def open(
        self,
        key: str,
        mode: Literal["wt", "w"],
        *,
        encoding: str = "utf-8",
        errors: str = "strict",
        newline: str | None = None,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | None = None,
        storage_class: str | None = None,
    ) -> TextWriter: ...
    @overload
    def open(self, key: str, mode: str) -> Any: ...

    def open(
        self,
        key: str,
        mode: str = "rb",
        *,
        encoding: str = "utf-8",
        errors: str = "strict",
        newline: str | None = None,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | None = None,
        storage_class: str | None = None,
    ) -> Any:
        """Open an object as a file, in bounded memory.

        A reader sees one revision and can seek. A writer publishes on a clean `close`; an
        exception inside ``with``, `abort()` and garbage collection publish nothing.

        Args:
            key: As in `put` and `get`.
            mode: ``"rb"``, ``"wb"``, ``"rt"`` or ``"wt"``; ``"r"`` and ``"w"`` are text.
            encoding: Of text; UTF-8 unless given.
            errors: As in the built-in `open`.
            newline: As in the built-in `open`, but ``"\\n"`` is written as it is everywhere.
            content_type, metadata, if_absent, if_match, storage_class: As in `put`; for a
                reader only *if_match*.

        Raises:
            NotFound: no such object, when it is opened for reading.
            InvalidArgument: a mode or option that there isn't.
            AlreadyExists, PreconditionFailed, OutcomeUnknown: from `close`, as from `put`.
        """
        writing = content_type, metadata, if_absent or None, storage_class
        connection = self._connection
        with connection.located("open", key):
            if mode in ("rb", "r", "rt"):
                if any(value is not None for value in writing):
                    raise InvalidArgument("a reader takes no option but 'if_match'")
                reader = opening.reader(connection, key, if_match)
                if mode == "rb":
                    return cast("BinaryIO", reader)
                return io.TextIOWrapper(reader, encoding, errors, newline)
            if mode in ("wb", "w", "wt"):
                request = write_request(
                    connection,
                    key,
                    content_type=content_type,
                    metadata=metadata,
                    if_absent=if_absent,
                    if_match=if_match,
                    storage_class=storage_class,
                )
                writer = opening.writer(connection, key, request)
                if mode == "wb":
                    return writer
                return TextWriter(writer, encoding, errors, newline or "")
            raise InvalidArgument(f"mode {mode!r} is none of 'rb', 'wb', 'rt', 'wt'")

    def stat(self, key: str) -> ObjectInfo:
        """Describe an object.

        Raises:
            NotFound: no such object.
        """
        connection = self._connection
        with connection.located("stat", key):
            full = connection.prefix + check_readable(key)
            return describe(connection, connection.call(lambda: connection.driver.stat(full)))

    def exists(self, key: str) -> bool:
        """Whether there is an object at *key*. Any failure but `NotFound` is raised."""
        try:
            self.stat(key)
        except NotFound as error:
            if type(error) is not NotFound:  # a missing bucket isn't a missing object
                raise
            return False
        return True

    def list(
        self, prefix: str = "", *, start_after: str | None = None, limit: int | None = None
    ) -> Iterator[ObjectInfo]:
        """Every object whose key begins with *prefix*, lazily, by the UTF-8 bytes of the key.

        Args:
            prefix: Plain text, not a folder: ``"run"`` also finds ``"runs/7"``.
            start_after: Only keys after this one.
            limit: At most so many.

        Raises:
            InvalidArgument: *limit* is no number of objects.
            InvalidType, InvalidKey: *prefix* or *start_after* is no text that a key can be.
        """
        connection = self._connection
        with connection.located("list", prefix):
            check_prefix(prefix)
            if start_after is not None:
                check_prefix(start_after)
            if limit is not None and (type(limit) is not int or limit < 0):
                raise InvalidArgument(f"limit is a number of objects, not {limit!r}")
        found = listing.objects(
            connection,
            prefix,
            start_after=start_after,
            limit=limit,
            as_info=partial(describe, connection),
        )
        return listing.located(connection, "list", prefix, found)

    def listdir(self, prefix: str = "") -> Listing:
        """One level: the objects at *prefix* and what continues below, up to the next ``/``.

        For the content of a folder, end *prefix* with ``/``.
        """
        connection = self._connection
        with connection.located("listdir", prefix):
            check_prefix(prefix)
            return listing.one_level(connection, prefix, as_info=partial(describe, connection))

    def sign(
        self,
        key: str,
        *,
        method: str = "GET",
        expires: Seconds = 3600,
        content_type: str | None = None,
        if_absent: bool = False,
    ) -> SignedRequest:
        """Return a request that anyone may send until it expires, with `curl` for one.

        Args:
            key: As in `put` for ``PUT``; any for the others. The object need not exist.
            method: ``GET``, ``PUT``, ``HEAD`` or ``DELETE``.
            expires: Seconds; the longest is the provider's, see `capabilities.sign_max`.
            content_type: For ``PUT``: stored with the object; guessed from the key unless given.
            if_absent: For ``PUT``: the server refuses it where there is an object, as long as the
                sender sends the request's headers.

        Raises:
            Unsupported: this provider can't sign, or doesn't enforce *if_absent*.
            InvalidArgument: *expires* isn't above 0, or is longer than the provider's longest.
        """
        connection = self._connection
        with connection.located("sign", key):
            content_type = to_sign(connection, key, method, content_type, if_absent)
            full = connection.prefix + check_readable(key)
            life = lifetime(connection, expires)
            return connection.driver.sign(
                full, method=method, expires=life, content_type=content_type, if_absent=if_absent
            )
