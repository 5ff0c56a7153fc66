"""`PortableFileSystem`: reading and writing, and with what it inherits all of fsspec's interface."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from fsspec.callbacks import DEFAULT_CALLBACK
from fsspec.compression import compr
from fsspec.core import get_compression
from fsspec.utils import isfilelike

from portable.errors import AlreadyExists, InvalidArgument, InvalidKey, NotFound
from portable.integrations.fsspec.files import (
    ChangeUnsupported,
    CompressedFile,
    ReadFile,
    WriteFile,
)
from portable.integrations.fsspec.moving import Moving
from portable.storage.files import download
from portable.storage.streams import TextWriter
from portable.threads import ContextThreads

if TYPE_CHECKING:
    from portable.storage.streams import ObjectReader

# How other file systems buffer and cache what they read.
FILE_OPTIONS = {"cache_type", "fill_cache", "size"}
COPY_BYTES = 1024**2
THREADS = 16
MODES = {"overwrite": False, "create": True}


class PortableFileSystem(Moving):
    """Objects as files: ``portable://KEY``, and ``portable://@NAME/KEY`` in a named bucket.

    A path is a key as it is: nothing in it is decoded or stripped but a ``/`` at its end. There
    are no empty directories, no appending, and no cache of listings. A file that isn't closed
    cleanly is not published.
    """

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_: Any
    ) -> bytes:
        """An object's bytes, verified, or ``[start:end]`` of them."""
        place = self._place(path)
        if start is None and end is None:
            return place.bucket.get(place.key)
        return place.bucket.get(place.key, range=(start, end))

    def cat_ranges(
        self,
        paths: Sequence[str],
        starts: Sequence[int | None] | int | None,
        ends: Sequence[int | None] | int | None,
        max_gap: int | None = None,  # noqa: ARG002 - near ranges share a request anyway
        on_error: str = "return",
        **_: Any,
    ) -> list[bytes | Exception]:
        """Ranges of objects: those of one object from one revision, near ones in one request.

        Args:
            on_error: ``"return"`` puts what failed in the place of its bytes; else it is raised.
        """
        firsts = list(starts) if isinstance(starts, Sequence) else [starts] * len(paths)
        lasts = list(ends) if isinstance(ends, Sequence) else [ends] * len(paths)
        if not len(paths) == len(firsts) == len(lasts):
            raise InvalidArgument("paths, starts and ends aren't equally many")
        wanted: dict[str, list[int]] = {}
        for index, path in enumerate(paths):
            wanted.setdefault(path, []).append(index)

        def read(path: str) -> Sequence[bytes | Exception]:
            spans = [(firsts[index], lasts[index]) for index in wanted[path]]
            try:
                if len(spans) == 1:
                    return [self.cat_file(path, *spans[0])]
                place = self._place(path)
                return place.bucket.get_ranges(place.key, spans)
            except Exception as error:
                if on_error != "return":
                    raise
                return [error] * len(spans)

        found: dict[int, bytes | Exception] = {}
        for path, pieces in zip(wanted, _side_by_side(read, wanted), strict=True):
            found.update(zip(wanted[path], pieces, strict=True))
        return [found[index] for index in range(len(paths))]

    def get_file(
        self,
        rpath: str,
        lpath: Any,
        callback: Any = DEFAULT_CALLBACK,
        outfile: BinaryIO | None = None,
        **_: Any,
    ) -> None:
        """Store an object in a file, whole or not at all; a directory makes a folder.

        Raises:
            InvalidKey: a foreign key's ``..`` would lead out of the folder to write in.
        """
        outfile = lpath if outfile is None and isfilelike(lpath) else outfile
        if outfile is not None:
            with self._open(rpath) as file:
                shutil.copyfileobj(file, outfile, COPY_BYTES)
            return
        place, path = self._place(rpath), Path(lpath)
        if ".." in path.parts and ".." in place.key.split("/"):
            raise InvalidKey(f"the key {place.key!r} may lead out of the folder to write in")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            download(place.bucket, place.key, path, progress=_progress(callback))
        except (NotFound, InvalidArgument):  # no object, or a folder where its file would be
            if self.isfile(rpath) or not self.isdir(rpath):
                raise
            path.mkdir(parents=True, exist_ok=True)

    def open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,  # noqa: ARG002
        cache_options: dict[str, Any] | None = None,  # noqa: ARG002
        compression: str | None = None,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        **options: Any,
    ) -> Any:
        """Open an object: ``"r"``, ``"w"`` or ``"x"``, each with ``"b"`` or as text.

        What is written is published by a clean `close`; an exception inside ``with`` publishes
        nothing, through text and compression too.

        Args:
            block_size, cache_options: Of other file systems.
            compression: A name that fsspec knows, or ``"infer"`` from the path.
            encoding, errors, newline: Of text; UTF-8 unless given.
            options: `content_type`, `metadata` and `storage_class` of a new object.

        Raises:
            NotFound: nothing to read.
            AlreadyExists: *mode* is ``"x"`` and there is an object.
            Unsupported: objects can't be appended to or changed in place.
        """
        path = self._strip_protocol(path)
        kind = mode.replace("t", "").replace("b", "")
        autocommit = options.pop("autocommit", not self._intrans)
        file = self._open(path, f"{kind}b", autocommit=autocommit, **options)
        if not autocommit and kind != "r":
            self.transaction.files.append(file)
        codec = get_compression(path, compression)
        if codec is not None:
            compress = partial(compr[codec], mode="r" if kind == "r" else "w")
            file = compress(file) if kind == "r" else CompressedFile(compress, file)
        if "b" in mode:
            return file
        if kind == "r":
            return io.TextIOWrapper(file, encoding or "utf-8", errors, newline)
        return TextWriter(file, encoding or "utf-8", errors or "strict", newline or "")

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,  # noqa: ARG002
        autocommit: bool = True,
        cache_options: dict[str, Any] | None = None,  # noqa: ARG002
        **options: Any,
    ) -> Any:
        place, path = self._place(path), self._strip_protocol(path)
        options = {name: value for name, value in options.items() if name not in FILE_OPTIONS}
        if mode == "rb":
            reader: Any = place.bucket.open(place.key, "rb", **options)
            return ReadFile(cast("ObjectReader", reader.detach()), self, path)
        if mode not in ("wb", "xb"):
            raise ChangeUnsupported(
                f"mode {mode!r}: an object is stored whole; it can't be appended to or changed",
                operation="open", resource=f"{place.bucket.url}/{place.key}",
            )  # fmt: skip
        if mode == "xb" and place.bucket.exists(place.key):
            raise AlreadyExists(
                "the object exists", operation="open", resource=f"{place.bucket.url}/{place.key}"
            )
        options |= {"if_absent": True} if mode == "xb" else {}
        writer = place.bucket.open(place.key, "wb", **options)
        file = WriteFile(writer, self, path, autocommit=autocommit)
        self._writing[path] = file
        return file

    def pipe_file(self, path: str, value: Any, mode: str = "overwrite", **options: Any) -> None:
        """Store bytes, whole or not at all.

        Raises:
            AlreadyExists: *mode* is ``"create"`` and there is an object.
        """
        if_absent = _if_absent(mode)
        if self._intrans:
            with self.open(path, "xb" if if_absent else "wb", **options) as file:
                file.write(value)
            return
        place = self._place(path)
        place.bucket.put(place.key, value, if_absent=if_absent, **options)

    def put_file(
        self,
        lpath: Any,
        rpath: str,
        callback: Any = DEFAULT_CALLBACK,
        mode: str = "overwrite",
        **options: Any,
    ) -> None:
        """Store a file, whole or not at all; a folder makes nothing.

        Raises:
            AlreadyExists: *mode* is ``"create"`` and there is an object.
        """
        path, if_absent = Path(lpath), _if_absent(mode)
        if path.is_dir():
            return
        if self._intrans:
            with path.open("rb") as source:
                with self.open(rpath, "xb" if if_absent else "wb", **options) as file:
                    shutil.copyfileobj(source, file, COPY_BYTES)
            return
        place = self._place(rpath)
        place.bucket.put(
            place.key, path, if_absent=if_absent, progress=_progress(callback), **options
        )


def _if_absent(mode: str) -> bool:
    if mode not in MODES:
        raise InvalidArgument(f"mode {mode!r} is none of {', '.join(map(repr, MODES))}")
    return MODES[mode]


def _progress(callback: Any) -> Any:
    """*callback* as the progress of a transfer; `None` where nobody looks."""
    if callback is DEFAULT_CALLBACK:
        return None

    def tell(done: int, size: int | None) -> None:
        callback.set_size(size)
        callback.absolute_update(done)

    return tell


def _side_by_side(read: Any, paths: Iterable[str]) -> list[Any]:
    names = list(paths)
    if len(names) < 2:
        return [read(name) for name in names]
    with ContextThreads(min(THREADS, len(names)), thread_name_prefix="portable") as pool:
        return list(pool.map(read, names))
