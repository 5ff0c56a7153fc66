"""Objects as the files that fsspec hands out."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self, cast

from portable.errors import InvalidArgument, Unsupported
from portable.storage.opening import BUFFER_BYTES

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from portable.storage import ObjectInfo
    from portable.storage.streams import ObjectReader, ObjectWriter


class ChangeUnsupported(Unsupported, NotImplementedError):
    """Objects are stored whole. fsspec's users look for `NotImplementedError`."""


class ReadFile(io.BufferedReader):
    """One revision of an object, for reading; seekable, with what fsspec's files have.

    Attributes:
        fs: The file system that opened it.
        path: Its path there.
        size: Bytes.
    """

    def __init__(self, raw: ObjectReader, fs: object, path: str) -> None:
        super().__init__(raw, BUFFER_BYTES)
        self.fs = fs
        self.path = path
        self.size = raw.seek(0, io.SEEK_END)
        raw.seek(0)

    def read(self, size: int | None = -1, /) -> bytes:
        """Read *size* bytes; a jump to a large piece, such as a column, takes one request."""
        if size is None or size < BUFFER_BYTES:
            return super().read(size)
        with self._expecting(size):
            return super().read(size)

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill *buffer*, in the same way."""
        size = memoryview(buffer).nbytes
        if size < BUFFER_BYTES:
            return super().readinto(buffer)
        with self._expecting(size):
            return super().readinto(buffer)

    @contextmanager
    def _expecting(self, size: int) -> Iterator[None]:
        raw = cast("ObjectReader", self.raw)
        raw.expect(self.tell() + size)
        try:
            yield
        finally:
            raw.expect(0)

    @property
    def details(self) -> Mapping[str, object]:
        """What `info` says, as far as it stays true while the file is read."""
        return {"name": self.path, "size": self.size, "type": "file"}

    def info(self) -> Mapping[str, object]:
        """The same, as fsspec's files have it."""
        return self.details


class _Unpublished(io.BufferedIOBase):
    """A file that is published by a clean `close`, and by nothing else.

    Whoever closes it while an exception that came after it was opened is on its way wants to let
    go of it, not to publish: `fsspec.open` and pandas leave a ``with`` block that way, and the
    exception itself doesn't reach the file.
    """

    name: str

    def __init__(self) -> None:
        self._opened_during = sys.exception()

    @property
    def broken_off_by(self) -> BaseException | None:
        """The exception that is on its way, if it came after the file was opened."""
        error = sys.exception()
        return None if error is self._opened_during else error

    def writable(self) -> bool:
        return True

    def abort(self) -> None:
        """Publish nothing."""
        raise NotImplementedError

    def _finish(self) -> None:
        """Publish, or be ready to."""
        raise NotImplementedError

    def close(self) -> None:
        """Publish what was written, unless an exception is on its way. Once."""
        if self.closed:
            return
        error = self.broken_off_by
        if error is None:
            self._finish()
            return
        self.abort()
        error.add_note(f"{self.name} was closed unfinished: nothing was published")
        if not _leaves_with_block():
            warnings.warn(
                f"{self.name} was closed while {type(error).__name__} was handled, so nothing was "
                "published; close it before or after, or use 'with'",
                RuntimeWarning,
                stacklevel=2,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.closed:
            return
        if kind is None:
            self._finish()
        else:
            self.abort()

    def __del__(self) -> None:
        if not self.closed:
            self.abort()


class WriteFile(_Unpublished):
    """Writes one object.

    Attributes:
        fs: The file system that opened it.
        path: Its path there.
    """

    def __init__(self, writer: ObjectWriter, fs: object, path: str, *, autocommit: bool) -> None:
        """Write by *writer*.

        Args:
            autocommit: Is it published by `close`? Else by `commit`, at a transaction's end.
        """
        super().__init__()
        self.fs = fs
        self.path = path
        self.name = writer.name
        self.mode = "wb"
        self._writer = writer
        self._autocommit = autocommit
        self._complete = False

    def write(self, data: Buffer, /) -> int:
        if self.closed:
            raise ValueError("write to closed file")
        return self._writer.write(data)

    def tell(self) -> int:
        return self._writer.tell()

    @property
    def size(self) -> int:
        """Bytes written."""
        return self._writer.tell()

    @property
    def info(self) -> ObjectInfo | None:
        """What was published; `None` until then."""
        return self._writer.info

    def abort(self) -> None:
        """Publish nothing and drop what was sent."""
        self._complete = False
        self._writer.abort()
        io.BufferedIOBase.close(self)

    discard = abort

    def commit(self) -> None:
        """Publish what was written and closed; nothing, where it was aborted.

        Raises:
            InvalidArgument: it isn't closed yet; it is dropped.
        """
        if not self.closed:
            self.abort()
            raise InvalidArgument(
                f"{self.name} wasn't closed when its transaction ended, so it isn't published"
            )
        if self._complete:
            self._complete = False
            self._writer.close()

    def _finish(self) -> None:
        try:
            if self._autocommit:
                self._writer.close()
            else:
                self._complete = True
        finally:
            io.BufferedIOBase.close(self)


class CompressedFile(_Unpublished):
    """Writes through a compressor into a `WriteFile`, which it closes or aborts as it is itself."""

    def __init__(self, compress: Callable[[Any], BinaryIO], file: WriteFile) -> None:
        """Write to *file* through what *compress* makes."""
        super().__init__()
        self.name = file.name
        self.mode = "wb"
        self._file = file
        self._sink = _Sink(file)
        self._compressor = compress(self._sink)

    def write(self, data: Buffer, /) -> int:
        return self._compressor.write(data)

    def abort(self) -> None:
        """Publish nothing."""
        self._sink.dropped = True
        self._file.abort()
        self._compressor.close()
        io.BufferedIOBase.close(self)

    def _finish(self) -> None:
        try:
            self._compressor.close()
            self._file._finish()
        except BaseException:
            self.abort()
            raise
        io.BufferedIOBase.close(self)


class _Sink(io.BufferedIOBase):
    """Where a compressor writes: a compressor that is let go of still writes its last bytes."""

    def __init__(self, file: WriteFile) -> None:
        self._file = file
        self.dropped = False

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def write(self, data: Buffer, /) -> int:
        return memoryview(data).nbytes if self.dropped else self._file.write(data)


def _leaves_with_block() -> bool:
    """Is a ``with`` block being left, further up? Then the exception goes on its way after this."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_name == "__exit__":
            return True
        frame = frame.f_back
    return False
