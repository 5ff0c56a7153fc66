"""What a `put` takes, turned into pieces of bytes that can be sent again."""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

from portable.errors import IntegrityError, InvalidArgument, InvalidType, NotFound

BytesLike: TypeAlias = bytes | bytearray | memoryview
Body: TypeAlias = "BytesLike | Path | BinaryIO | Iterable[bytes]"
Piece: TypeAlias = "bytes | memoryview"
Reader: TypeAlias = Callable[[int], Piece]

DIGEST_BYTES = 1024**2


@dataclass(frozen=True, slots=True)
class Source:
    """Data on its way into a bucket.

    Attributes:
        read: Returns the next so many bytes, fewer only at the end.
        size: Bytes in all; `None` where that can't be known before the end.
        digest: Returns the CRC-32 of it all before any of it is read, or `None` where it can be
            read only once.
        check: Called when all is read and nothing is published yet; raises when the source
            changed meanwhile.
    """

    read: Reader
    size: int | None
    digest: Callable[[], int | None]
    check: Callable[[], None] = lambda: None


def opened(data: object) -> AbstractContextManager[Source]:
    """Open what a `put` is given. A file is read from where it stands.

    Raises:
        InvalidType: *data* is none of bytes, a `Path`, a binary file or an iterable of bytes.
    """
    if isinstance(data, (bytes, bytearray, memoryview)):
        whole = _as_bytes(data)
        return nullcontext(Source(_slices(whole), len(whole), lambda: zlib.crc32(whole)))
    if isinstance(data, Path):
        return _opened_file(data)
    if hasattr(data, "read"):
        return nullcontext(_of_file(cast("BinaryIO", data)))
    if isinstance(data, Iterable) and not isinstance(data, str):
        return nullcontext(Source(_gather(iter(data)), None, lambda: None))
    raise _refused(data)


@contextmanager
def _opened_file(path: Path) -> Iterator[Source]:
    with _open_file(path) as file:
        yield replace(_of_file(file), check=_unchanged(file, path))


def _of_file(file: BinaryIO) -> Source:
    size = _size_left(file)
    return Source(_read_fully(file), size, lambda: None if size is None else _digest(file))


def _digest(file: BinaryIO) -> int:
    start, crc32 = file.tell(), 0
    while block := file.read(DIGEST_BYTES):
        crc32 = zlib.crc32(block, crc32)
    file.seek(start)
    return crc32


def _as_bytes(data: BytesLike) -> memoryview:
    view = memoryview(data)
    if not view.c_contiguous:
        view = memoryview(view.tobytes())
    return view.cast("B") if view.nbytes else memoryview(b"")


def _slices(whole: memoryview) -> Reader:
    position = 0

    def read(size: int) -> Piece:
        nonlocal position
        piece = whole[position : position + size]
        position += len(piece)
        return piece

    return read


def _open_file(path: Path) -> BinaryIO:
    try:
        if not path.is_file():
            kind = "a folder" if path.is_dir() else "not a file"
            if path.exists():
                raise InvalidArgument(f"the source {str(path)!r} is {kind}; put takes one file")
        return path.open("rb")
    except FileNotFoundError as error:
        raise NotFound(f"there is no local file {str(path)!r}") from error
    except PermissionError as error:
        raise InvalidArgument(f"the local file {str(path)!r} can't be read: {error}") from error


def _unchanged(file: BinaryIO, path: Path) -> Callable[[], None]:
    before = os.fstat(file.fileno())

    def check() -> None:
        after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise IntegrityError(
                f"the local file {str(path)!r} was written to while it was being stored; "
                f"nothing was published"
            )

    return check


def _size_left(file: object) -> int | None:
    """Bytes from a regular file's position to its end; `None` where that can't be known."""
    try:
        status = os.fstat(file.fileno())  # type: ignore[attr-defined]
        if not stat.S_ISREG(status.st_mode):
            return None
        return max(0, status.st_size - file.tell())  # type: ignore[attr-defined, no-any-return]
    except (AttributeError, OSError, ValueError):
        return None


def _read_fully(file: BinaryIO) -> Reader:
    """A raw file, a pipe or a socket may give less than asked before its end."""

    def read(size: int) -> Piece:
        pieces: list[bytes] = []
        left = size
        while left:
            piece = file.read(left)
            if isinstance(piece, str):
                raise InvalidType("the file is open for text; open it in binary mode ('rb')")
            if piece is None:
                raise InvalidArgument("the file is non-blocking and has no data; make it block")
            if not piece:
                break
            pieces.append(piece)
            left -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    return read


def _gather(chunks: Iterator[object]) -> Reader:
    rest = memoryview(b"")

    def read(size: int) -> Piece:
        nonlocal rest
        gathered = bytearray()
        while len(gathered) < size:
            if not rest:
                chunk = next(chunks, None)
                if chunk is None:
                    break
                if not isinstance(chunk, (bytes, bytearray, memoryview)):
                    raise InvalidType(f"the iterable gave a {type(chunk).__name__}, not bytes")
                rest = _as_bytes(chunk)
            taken = rest[: size - len(gathered)]
            gathered += taken
            rest = rest[len(taken) :]
        return memoryview(gathered)  # a copy would double a part's memory

    return read


def _refused(data: object) -> InvalidType:
    if isinstance(data, str):
        return InvalidType(
            "a str can mean two things: write text.encode() to store the text, "
            "or Path(name) to store the file of that name"
        )
    return InvalidType(
        f"put takes bytes, a pathlib.Path, a binary file or an iterable of bytes, "
        f"not {type(data).__name__}"
    )
