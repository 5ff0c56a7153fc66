"""Objects opened as files, to be awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from types import TracebackType
from typing import IO, Any, AnyStr, Generic, Protocol, Self, TypeVar

from portable.aio._threads import ask, finish
from portable.storage.streams import ObjectWriter, TextWriter
from portable.storage.types import ObjectInfo

T = TypeVar("T")


class _Closing(Protocol):
    async def close(self) -> None: ...
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


F = TypeVar("F", bound=_Closing)


class AsyncReader(Generic[AnyStr]):
    """One revision of an object, read in bounded memory. One task uses it at a time.

    A cancelled call ends the file.
    """

    def __init__(self, file: IO[AnyStr]) -> None:
        self._file: IO[AnyStr] = file

    @property
    def closed(self) -> bool:
        """It can't be read any more."""
        return self._file.closed

    async def read(self, size: int = -1, /) -> AnyStr:
        """Return *size* bytes or characters, fewer at the end; all that is left unless given."""
        return await self._call(lambda: self._file.read(size))

    async def readline(self, size: int = -1, /) -> AnyStr:
        """Return one line; empty at the end."""
        return await self._call(lambda: self._file.readline(size))

    async def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a position, as with a file."""
        return await self._call(lambda: self._file.seek(offset, whence))

    async def tell(self) -> int:
        """The position."""
        return await self._call(self._file.tell)

    async def close(self) -> None:
        """Let it go."""
        await finish(self._file.close)

    async def __aiter__(self) -> AsyncIterator[AnyStr]:
        while lines := await self._call(lambda: self._file.readlines(64 * 1024)):
            for line in lines:
                yield line

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _call(self, call: Callable[[], T]) -> T:
        try:
            return await finish(call)
        except asyncio.CancelledError:
            await finish(self._file.close)
            raise


class AsyncWriter(Generic[AnyStr]):
    """An object being written. One task uses it at a time.

    It is published whole by `close`, or at the end of ``async with``. An exception or a
    cancellation in there, `abort` and garbage collection publish nothing, and a cancelled call
    ends the file unpublished; only a cancelled `close` may have published it, whole.
    """

    def __init__(self, file: ObjectWriter | TextWriter) -> None:
        self._file: Any = file  # its `write` takes what `AnyStr` says

    @property
    def closed(self) -> bool:
        """It was published or aborted."""
        closed: bool = self._file.closed
        return closed

    @property
    def info(self) -> ObjectInfo | None:
        """What was published; `None` until then."""
        info: ObjectInfo | None = self._file.info
        return info

    async def write(self, data: AnyStr, /) -> int:
        """Take *data*; full parts of 8 MiB are sent."""
        return await self._call(lambda: int(self._file.write(data)))

    async def tell(self) -> int:
        """What was written."""
        return await self._call(lambda: int(self._file.tell()))

    async def close(self) -> None:
        """Publish it. Once; a second call does nothing."""
        await self._call(self._file.close)

    async def abort(self) -> None:
        """Publish nothing and drop what was sent."""
        await finish(self._file.abort)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await (self.close() if kind is None else self.abort())

    async def _call(self, call: Callable[[], T]) -> T:
        try:
            return await finish(call)
        except asyncio.CancelledError:
            await finish(self._file.abort)  # does nothing to what is published
            raise


class Opening(Generic[F]):
    """A file about to be opened: ``async with bucket.open(…) as file``, or ``await`` it."""

    def __init__(self, open: Callable[[], Any], wrap: Callable[[Any], F]) -> None:
        self._open = open
        self._wrap = wrap
        self._file: F | None = None

    def __await__(self) -> Generator[Any, None, F]:
        return self._opened().__await__()

    async def __aenter__(self) -> F:
        self._file = await self._opened()
        return self._file

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            await self._file.__aexit__(kind, error, trace)

    async def _opened(self) -> F:
        return self._wrap(await ask(self._open))
