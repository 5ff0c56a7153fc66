"""`AsyncBucket`: `Bucket`'s data calls, awaited."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, overload

from portable.aio._bodies import batches, merged, store
from portable.aio._files import AsyncReader, AsyncWriter, Opening
from portable.aio._folders import AsyncFolders
from portable.aio._listing import Ahead
from portable.aio._threads import ask, finish
from portable.storage.bodies import Body
from portable.storage.bucket import Bucket
from portable.storage.types import DeleteReport, Listing, ObjectInfo, SignedRequest
from portable.storage.uploads import Progress
from portable.values import Seconds


class AsyncBucket(AsyncFolders):
    """A bucket for asyncio: the methods of `Bucket`, with the same arguments, results and errors.

    Each call runs in one of the event loop's 32 threads. Cancelled, a call that changes nothing
    is left at once and ends by itself before its next request; one that writes or removes ends
    first, so that nothing happens any more once `asyncio.CancelledError` is raised. A cancelled
    `put` has stored all or nothing.

    Safe to use from many tasks and many loops, after `fork`, and to pickle.

    Attributes:
        bucket: The bucket itself.
    """

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    def __repr__(self) -> str:
        return f"AsyncBucket({self.url!r})"

    @property
    def url(self) -> str:
        """Where it is, prefix included."""
        return self.bucket.url

    @property
    def provider(self) -> str:
        """The adapter's name."""
        return self.bucket.provider

    async def close(self) -> None:
        """As `Bucket.close`."""
        await finish(self.bucket.close)

    async def put(
        self,
        key: str,
        data: Body | AsyncIterable[bytes],
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | None = None,
        storage_class: str | None = None,
        progress: Progress | None = None,
    ) -> ObjectInfo:
        """As `Bucket.put`; *data* may also be an asynchronous iterable of bytes.

        *progress* is called in the thread that sends.
        """
        if isinstance(data, AsyncIterable):
            writer = await self.open(
                key,
                "wb",
                content_type=content_type,
                metadata=metadata,
                if_absent=if_absent,
                if_match=if_match,
                storage_class=storage_class,
            )
            return await store(writer, data, progress)
        return await finish(
            partial(
                self.bucket.put,
                key,
                data,
                content_type=content_type,
                metadata=metadata,
                if_absent=if_absent,
                if_match=if_match,
                storage_class=storage_class,
                progress=progress,
            )
        )

    async def get(
        self,
        key: str,
        *,
        range: tuple[int | None, int | None] | None = None,
        if_match: str | None = None,
    ) -> bytes:
        """As `Bucket.get`."""
        return await ask(partial(self.bucket.get, key, range=range, if_match=if_match))

    async def get_ranges(
        self, key: str, ranges: Sequence[tuple[int | None, int | None]]
    ) -> list[bytes]:
        """As `Bucket.get_ranges`."""
        return await ask(partial(self.bucket.get_ranges, key, ranges))

    @overload
    def open(
        self, key: str, mode: Literal["rb"] = "rb", *, if_match: str | None = None
    ) -> Opening[AsyncReader[bytes]]: ...
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
    ) -> Opening[AsyncWriter[bytes]]: ...
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
    ) -> Opening[AsyncReader[str]]: ...
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
    ) -> Opening[AsyncWriter[str]]: ...
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
        """As `Bucket.open`: ``async with bucket.open(key) as file``, or ``await`` the file.

        A writer publishes at the clean end of its block; an exception or a cancellation in
        there publishes nothing.
        """
        opened: partial[Any] = partial(
            self.bucket.open,
            key,
            mode,
            encoding=encoding,
            errors=errors,
            newline=newline,
            content_type=content_type,
            metadata=metadata,
            if_absent=if_absent,
            if_match=if_match,
            storage_class=storage_class,
        )
        return Opening(opened, AsyncWriter if "w" in mode else AsyncReader)

    async def stat(self, key: str) -> ObjectInfo:
        """As `Bucket.stat`."""
        return await ask(partial(self.bucket.stat, key))

    async def exists(self, key: str) -> bool:
        """As `Bucket.exists`."""
        return await ask(partial(self.bucket.exists, key))

    def list(
        self, prefix: str = "", *, start_after: str | None = None, limit: int | None = None
    ) -> AsyncIterator[ObjectInfo]:
        """As `Bucket.list`, for ``async for``. A page of 1,000 is fetched ahead."""
        return Ahead(self.bucket.list(prefix, start_after=start_after, limit=limit))

    async def listdir(self, prefix: str = "") -> Listing:
        """As `Bucket.listdir`."""
        return await ask(partial(self.bucket.listdir, prefix))

    async def delete(self, key: str, *, missing_ok: bool = True) -> None:
        """As `Bucket.delete`."""
        await finish(partial(self.bucket.delete, key, missing_ok=missing_ok))

    async def delete_many(self, keys: Iterable[str] | AsyncIterable[str]) -> DeleteReport:
        """As `Bucket.delete_many`; *keys* may also be an asynchronous iterable."""
        if isinstance(keys, AsyncIterable):
            return merged([await self.delete_many(batch) async for batch in batches(keys)])
        return await finish(partial(self.bucket.delete_many, keys))

    async def delete_prefix(self, prefix: str) -> DeleteReport:
        """As `Bucket.delete_prefix`. Cancelled, it stops after the batch that is under way."""
        return await finish(partial(self.bucket.delete_prefix, prefix))

    async def copy(
        self,
        source: str,
        target: str,
        *,
        to: Bucket | AsyncBucket | None = None,
        progress: Progress | None = None,
    ) -> ObjectInfo:
        """As `Bucket.copy`; *to* may be either kind of bucket."""
        other = to.bucket if isinstance(to, AsyncBucket) else to
        return await finish(partial(self.bucket.copy, source, target, to=other, progress=progress))

    async def move(self, source: str, target: str) -> ObjectInfo:
        """As `Bucket.move`. Cancelled between the two steps, both are there."""
        return await finish(partial(self.bucket.move, source, target))

    async def sign(
        self,
        key: str,
        *,
        method: str = "GET",
        expires: Seconds = 3600,
        content_type: str | None = None,
        if_absent: bool = False,
    ) -> SignedRequest:
        """As `Bucket.sign`."""
        return await ask(
            partial(
                self.bucket.sign,
                key,
                method=method,
                expires=expires,
                content_type=content_type,
                if_absent=if_absent,
            )
        )

    async def abort_stale_uploads(self, older_than: Seconds = 24 * 3600) -> int:
        """As `Bucket.abort_stale_uploads`."""
        return await finish(partial(self.bucket.abort_stale_uploads, older_than))
