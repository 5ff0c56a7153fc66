"""Readers: files that can seek, over one revision of an object."""

from __future__ import annotations

import gzip
import io
import pickle
import random
import tarfile
import zipfile
from typing import Any

import pytest

from portable.errors import NotFound
from portable.storage import Bucket
from portable.testing.conformance.base import LARGE, MIB, Cases, content
from portable.testing.drivers import Watch

TEXT = "first\nsecond é\r\nthird\rfourth\n\n日本\nno end"


class ReaderCases(Cases):
    """``Bucket.open(key)`` and ``"rt"``."""

    @pytest.mark.parametrize("size", [0, 1, 300_000, LARGE])
    def test_reading_on_gives_every_byte_once(self, bucket: Bucket, size: int) -> None:
        """In pieces of any size, and all at once."""
        data = content(size)
        bucket.put("key", data)
        with bucket.open("key") as file:
            assert file.read() == data
            assert file.read() == file.read(5) == b""
            assert file.tell() == size
        chance = random.Random(size)
        pieces = []
        with bucket.open("key", "rb") as file:
            while piece := file.read(chance.choice([1, 1000, 100_000, 3 * MIB])):
                pieces.append(piece)
                if len(pieces) > 50:
                    pieces.append(file.read())
        assert b"".join(pieces) == data

    @pytest.mark.parametrize("size", [100, 700_000, 10 * MIB])
    def test_seek_and_read_like_a_file(self, bucket: Bucket, size: int) -> None:
        """Every mix of seek, tell, read, readinto and readline gives what `BytesIO` gives."""
        data = content(size).replace(b"\r", b"\n")
        bucket.put("key", data)
        chance, model = random.Random(size), io.BytesIO(data)
        with bucket.open("key") as file:
            assert (file.readable(), file.seekable(), file.writable()) == (True, True, False)
            for _ in range(60):
                step = chance.randrange(6)
                position, amount = chance.randrange(size + 10), chance.choice([0, 1, 7, 5000])
                if step == 0:
                    assert file.seek(position) == model.seek(position)
                elif step == 1:
                    back = chance.randrange(size)
                    assert file.seek(-back, io.SEEK_END) == model.seek(-back, io.SEEK_END)
                elif step == 2:
                    ahead = min(amount, size)
                    assert file.seek(ahead, io.SEEK_CUR) == model.seek(ahead, io.SEEK_CUR)
                elif step == 3:
                    one, other = bytearray(amount), bytearray(amount)
                    assert file.readinto(one) == model.readinto(other)  # type: ignore[attr-defined]
                    assert one == other
                elif step == 4:
                    assert file.readline(amount) == model.readline(amount)
                else:
                    assert file.read(amount) == model.read(amount)
                assert file.tell() == model.tell()

    def test_seek_past_the_end_reads_nothing(self, bucket: Bucket) -> None:
        """And before the start is refused, as by any file."""
        bucket.put("key", b"0123456789")
        with bucket.open("key") as file:
            assert file.seek(100) == 100
            assert file.read() == b""
            assert file.seek(-3, io.SEEK_END) == 7
            assert file.read() == b"789"
            for offset, whence in ((-1, io.SEEK_SET), (-11, io.SEEK_END), (0, 9)):
                with pytest.raises(ValueError):  # noqa: PT011 - Python's own readers say all sorts
                    file.seek(offset, whence)
            file.seek(2)
            assert file.read(2) == b"23"

    def test_closed_reader_reads_no_more(self, bucket: Bucket) -> None:
        """As any file; closing twice is fine."""
        bucket.put("key", b"x")
        file = bucket.open("key")
        file.close()
        file.close()
        for call in (file.read, file.tell, file.readline):
            with pytest.raises(ValueError, match="closed"):
                call()
        with pytest.raises(io.UnsupportedOperation), bucket.open("key") as file:
            file.write(b"x")

    def test_lines(self, bucket: Bucket) -> None:
        """By iteration, readline and readlines, however long they are."""
        lines = [b"short\n", b"x" * 400_000 + b"\n", b"\n", b"end"]
        bucket.put("key", b"".join(lines))
        with bucket.open("key") as file:
            assert list(file) == lines
            file.seek(0)
            assert file.readline() == lines[0]
            assert file.readline(5) == b"xxxxx"
            assert file.readlines() == [lines[1][5:], *lines[2:]]

    @pytest.mark.parametrize("newline", [None, "", "\n", "\r\n", "\r"], ids=repr)
    def test_text_is_decoded_like_a_file(self, bucket: Bucket, newline: str | None) -> None:
        """With each way of ending lines."""
        bucket.put("key.txt", TEXT.encode())
        expected = io.TextIOWrapper(io.BytesIO(TEXT.encode()), "utf-8", newline=newline)
        lines = list(expected)
        for mode in ("rt", "r"):
            with bucket.open("key.txt", mode, newline=newline) as file:
                assert list(file) == lines

    @pytest.mark.parametrize(
        ("options", "expected"),
        [({"encoding": "latin-1"}, "Ã©"), ({"encoding": "ascii", "errors": "ignore"}, "")],
        ids=str,
    )
    def test_text_takes_an_encoding(
        self, bucket: Bucket, options: dict[str, Any], expected: str
    ) -> None:
        """UTF-8 unless given, and strict."""
        bucket.put("key", "é".encode())
        with bucket.open("key", "rt", **options) as file:
            assert file.read() == expected
        bucket.put("bad", b"\xff")
        with bucket.open("bad", "rt") as file, pytest.raises(UnicodeDecodeError):
            file.read()

    def test_libraries_can_read_from_it(self, bucket: Bucket) -> None:
        """Compression, archives and pickles, which seek about."""
        bucket.put("a.gz", gzip.compress(b"packed" * 1000))
        bucket.put("a.pickle", pickle.dumps(list(range(1000))))
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as zipped:
            zipped.writestr("one", content(100_000))
            zipped.writestr("two", b"2")
        bucket.put("a.zip", archive.getvalue())
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as tarred:
            member = tarfile.TarInfo("name")
            member.size = 5
            tarred.addfile(member, io.BytesIO(b"tared"))
        bucket.put("a.tar", tar.getvalue())
        with bucket.open("a.gz") as file, gzip.open(file) as packed:
            assert packed.read() == b"packed" * 1000
        with bucket.open("a.pickle") as file:
            assert pickle.load(file) == list(range(1000))
        with bucket.open("a.zip") as file, zipfile.ZipFile(file) as zipped:
            assert zipped.read("two") == b"2"
            assert zipped.read("one") == content(100_000)
        with bucket.open("a.tar") as file, tarfile.open(fileobj=file) as tarred:
            extracted = tarred.extractfile("name")
            assert extracted is not None
            assert extracted.read() == b"tared"

    def test_reader_of_a_missing_key_fails_at_the_open(self, bucket: Bucket) -> None:
        """Not at the first read."""
        for mode in ("rb", "rt"):
            with pytest.raises(NotFound) as caught:
                bucket.open("nope", mode)
            assert caught.value.resource == f"{bucket.url}/nope"
            assert caught.value.operation == "open"

    def test_a_small_part_of_a_large_object_is_read_cheaply(self, bucket: Bucket) -> None:
        """Opening it and reading its end moves no more than a block."""
        bucket.put("key", content(LARGE))
        moved = []

        def count(data: bytes) -> bytes:
            moved.append(len(data))
            return data

        with Watch(body=count).on(bucket).open("key") as file:
            file.seek(-1000, io.SEEK_END)
            assert file.read() == content(LARGE)[-1000:]
        assert sum(moved) <= MIB
