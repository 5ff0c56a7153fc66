"""What a put takes: bytes-like data, paths, binary files and iterables of bytes."""

from __future__ import annotations

import array
import io
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from portable.errors import InvalidArgument, InvalidType, NotFound, Unavailable
from portable.storage import Bucket
from portable.testing.conformance.base import LARGE, PART, Cases, Raw, content
from portable.testing.drivers import Watch

Maker = Callable[[bytes, Path], Any]


def _at_an_offset(data: bytes, folder: Path) -> Any:
    path = folder / "offset"
    path.write_bytes(b"head" + data)
    file = path.open("rb")
    file.seek(4)
    return file


def _unbuffered(data: bytes, folder: Path) -> Any:
    path = folder / "raw"
    path.write_bytes(data)
    return path.open("rb", buffering=0)


def _path(data: bytes, folder: Path) -> Path:
    path = folder / "pa th é.bin"
    path.write_bytes(data)
    return path


def _pipe(data: bytes, _folder: Path) -> Any:
    readable, writable = os.pipe()

    def feed() -> None:
        with open(writable, "wb", buffering=0) as file:
            file.writelines(data[at : at + 50_001] for at in range(0, len(data), 50_001))

    threading.Thread(target=feed, daemon=True).start()
    return open(readable, "rb", buffering=0)  # the case closes it


def _bytesio(data: bytes, _folder: Path) -> Any:
    file = io.BytesIO(b"xx" + data)
    file.seek(2)
    return file


def _generator(data: bytes, _folder: Path) -> Iterator[bytes]:
    for start in range(0, len(data), 3_000_001):
        yield b""
        yield data[start : start + 3_000_001]
    yield b""


def _strided(data: bytes, _folder: Path) -> memoryview:
    doubled = bytearray(2 * len(data))
    doubled[::2] = data
    return memoryview(doubled)[::2]


BODIES: dict[str, Maker] = {
    "bytes": lambda data, _: data,
    "bytearray": lambda data, _: bytearray(data),
    "memoryview": lambda data, _: memoryview(data),
    "strided": _strided,
    "words": lambda data, _: memoryview(array.array("H", data)),
    "path": _path,
    "file": _at_an_offset,
    "raw_file": _unbuffered,
    "pipe": _pipe,
    "bytesio": _bytesio,
    "generator": _generator,
    "list": lambda data, _: [data[:5], memoryview(data)[5:9], bytearray(data[9:])],
}
LARGE_BODIES = ["strided", "path", "file", "pipe", "generator"]


class BodyCases(Cases):
    """The data of `Bucket.put`."""

    @pytest.mark.parametrize(
        ("kind", "size"),
        [(kind, 1000) for kind in BODIES] + [(kind, LARGE) for kind in LARGE_BODIES],
    )
    def test_put_takes(
        self, bucket: Bucket, raw: Raw, tmp_path: Path, kind: str, size: int
    ) -> None:
        """Each kind of data is stored from where it stands to its end, once."""
        data = content(size)
        body = BODIES[kind](data, tmp_path)
        try:
            info = bucket.put("key", body)
        finally:
            if hasattr(body, "close"):
                body.close()
        assert info.size == size
        assert raw.read("key") == data
        assert raw.open_uploads() == 0

    @pytest.mark.parametrize("kind", ["path", "bytesio", "generator", "list", "pipe"])
    def test_put_takes_nothing_too(
        self, bucket: Bucket, raw: Raw, tmp_path: Path, kind: str
    ) -> None:
        """An empty source is an empty object."""
        body = BODIES[kind](b"", tmp_path)
        assert bucket.put("key", body).size == 0
        if kind == "pipe":
            body.close()
        assert raw.read("key") == b""

    @pytest.mark.parametrize("kind", ["bytes", "file", "pipe", "generator", "path"])
    def test_put_that_is_sent_again_sends_the_same_bytes(
        self, bucket: Bucket, raw: Raw, tmp_path: Path, kind: str
    ) -> None:
        """A retry begins where the data began, not at byte 0 of the file or after its end."""
        failures = iter([Unavailable("hiccup"), Unavailable("hiccup")])

        def fail_twice(name: str, _key: str) -> None:
            if name in ("put", "upload_part") and (error := next(failures, None)):
                raise error

        data = content(PART + 1000)
        body = BODIES[kind](data, tmp_path)
        watched = Watch(before=fail_twice).on(bucket)
        watched.put("key", body)
        watched.close()
        if kind in ("file", "pipe"):
            body.close()
        assert raw.read("key") == data

    def test_put_copies_what_may_change(self, bucket: Bucket, raw: Raw) -> None:
        """A buffer that is used again afterwards doesn't change the object."""
        buffer = bytearray(b"before")
        bucket.put("key", buffer)
        buffer[:] = b"AFTER!"
        assert bucket.get("key") == raw.read("key") == b"before"

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ("text", "a str can mean two things"),
            (None, "not NoneType"),
            (7, "not int"),
            (io.StringIO("text"), "binary mode"),
            (["text"], "gave a str"),
            ([1, 2], "gave a int"),
        ],
        ids=["str", "none", "int", "text_file", "strs", "ints"],
    )
    def test_put_refuses_what_is_not_bytes(
        self, bucket: Bucket, raw: Raw, body: Any, words: str
    ) -> None:
        """With a `TypeError` that says what to give instead, and before anything is stored."""
        with pytest.raises(InvalidType, match=words) as caught:
            bucket.put("key", body)
        assert isinstance(caught.value, TypeError)
        assert caught.value.resource == f"{bucket.url}/key"
        assert raw.keys() == set()

    def test_put_of_a_path_that_is_not_there(
        self, bucket: Bucket, raw: Raw, tmp_path: Path
    ) -> None:
        """It names the file, and nothing is stored."""
        with pytest.raises(NotFound, match="no local file") as caught:
            bucket.put("key", tmp_path / "nowhere.bin")
        assert "nowhere.bin" in str(caught.value)
        with pytest.raises(InvalidArgument, match="is a folder"):
            bucket.put("key", tmp_path)
        assert raw.keys() == set()
