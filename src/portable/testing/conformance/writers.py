"""Writers publish on a clean close, and on nothing else."""

from __future__ import annotations

import csv
import gc
import gzip
import io
import pickle
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from portable.errors import AlreadyExists, InvalidArgument, NotFound, PermissionDenied
from portable.storage import Bucket
from portable.testing.conformance.base import LARGE, MIB, Cases, Raw, content
from portable.testing.conformance.quirks import quirk
from portable.testing.conformance.unclean import UNCLEAN, Interrupted
from portable.testing.drivers import Watch

SIZES = [0, 10, 9 * MIB, LARGE]


class WriterCases(Cases):
    """``Bucket.open(key, "wb")`` and ``"wt"``."""

    @pytest.mark.parametrize("size", SIZES)
    def test_close_publishes_all_of_it(self, bucket: Bucket, raw: Raw, size: int) -> None:
        """Once, with what `stat` says as `info`; a second close does nothing."""
        data = content(size)
        file = bucket.open("key.bin", "wb", content_type="x/y", metadata={"a": "b"})
        for start in range(0, size, 999_983):
            assert file.write(data[start : start + 999_983]) == len(data[start : start + 999_983])
        assert file.tell() == size
        assert file.info is None
        file.close()
        file.close()
        assert file.closed
        assert raw.read("key.bin") == data
        stat = bucket.stat("key.bin")
        assert file.info is not None
        assert (file.info.revision, file.info.size) == (stat.revision, size)
        assert (stat.content_type, stat.metadata) == ("x/y", {"a": "b"})
        assert raw.open_uploads() == 0

    @pytest.mark.parametrize("size", SIZES)
    def test_nothing_is_seen_before_the_close(self, bucket: Bucket, raw: Raw, size: int) -> None:
        """Not after a flush either; the old object stays until then."""
        bucket.put("old", b"old")
        with bucket.open("new", "wb") as new, bucket.open("old", "wb") as old:
            for file in (new, old):
                file.write(content(size))
                file.flush()
            assert raw.keys() == {"old"}
            assert raw.read("old") == b"old"
        assert raw.keys() == {"old", "new"}
        assert raw.read("old") == raw.read("new") == content(size)

    @pytest.mark.parametrize("unclean", UNCLEAN)
    @pytest.mark.parametrize("size", [10, LARGE])
    def test_what_is_not_closed_cleanly_is_not_published(
        self, bucket: Bucket, raw: Raw, unclean: Callable[[Bucket, bytes], None], size: int
    ) -> None:
        """Neither through text nor through compression, and no upload is left open."""
        if size < MIB:
            with pytest.raises(Interrupted):
                unclean(bucket, content(size))
            assert raw.keys() == set()
        bucket.put("key", b"old")
        with pytest.raises(Interrupted):
            unclean(bucket, content(size))
        gc.collect()
        assert raw.read("key") == b"old"
        assert raw.open_uploads() == 0

    def test_closed_writer_takes_no_more(self, bucket: Bucket, raw: Raw) -> None:
        """Neither after a close nor after an abort, and an abort takes nothing back."""
        published = bucket.open("published", "wb")
        published.write(b"x")
        published.close()
        published.abort()
        dropped = bucket.open("dropped", "wb")
        dropped.write(b"x")
        dropped.abort()
        dropped.close()
        for file in (published, dropped):
            with pytest.raises(ValueError, match="closed"):
                file.write(b"more")
        assert raw.keys() == {"published"}
        assert dropped.info is None

    def test_writer_takes_any_bytes(self, bucket: Bucket, raw: Raw) -> None:
        """`bytes`, `bytearray`, `memoryview`; it neither reads nor seeks."""
        with bucket.open("key", "wb") as file:
            file.write(b"a")
            file.write(bytearray(b"b"))
            file.write(memoryview(b"xcx")[1:2])
            file.writelines([b"d", b"e"])
            assert file.writable()
            assert not file.readable()
            assert not file.seekable()
            with pytest.raises(io.UnsupportedOperation):
                file.read()
            with pytest.raises(TypeError):
                file.write("text")  # type: ignore[arg-type]
        assert raw.read("key") == b"abcde"

    def test_writer_copies_what_may_change(self, bucket: Bucket, raw: Raw) -> None:
        """A buffer that the caller fills again and again."""
        buffer = bytearray(MIB)
        with bucket.open("key", "wb") as file:
            for number in range(20):
                buffer[:] = bytes([number]) * MIB
                file.write(buffer)
        expected = b"".join(bytes([number]) * MIB for number in range(20))
        assert raw.read("key") == expected

    def test_libraries_can_write_into_it(self, bucket: Bucket) -> None:
        """Compression, archives, pickles and tables."""
        with bucket.open("a.gz", "wb") as raw_file, gzip.open(raw_file, "wb") as packed:
            packed.write(b"packed")
        with bucket.open("a.zip", "wb") as raw_file, zipfile.ZipFile(raw_file, "w") as archive:
            archive.writestr("name", "zipped")
        with bucket.open("a.pickle", "wb") as raw_file:
            pickle.dump({"a": [1, 2]}, raw_file)
        with bucket.open("a.csv", "wt", newline="") as table:
            csv.writer(table).writerows([["ä", 1], ["b", 2]])
        assert gzip.decompress(bucket.get("a.gz")) == b"packed"
        with zipfile.ZipFile(io.BytesIO(bucket.get("a.zip"))) as archive:
            assert archive.read("name") == b"zipped"
        assert pickle.loads(bucket.get("a.pickle")) == {"a": [1, 2]}
        assert bucket.get("a.csv") == "ä,1\r\nb,2\r\n".encode()

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, "a\nbé\n".encode()),
            ({"newline": "\r\n"}, "a\r\nbé\r\n".encode()),
            ({"newline": "\n"}, "a\nbé\n".encode()),
            ({"encoding": "latin-1"}, b"a\nb\xe9\n"),
            ({"encoding": "ascii", "errors": "replace"}, b"a\nb?\n"),
        ],
        ids=str,
    )
    def test_text_is_encoded(
        self, bucket: Bucket, raw: Raw, options: dict[str, Any], expected: bytes
    ) -> None:
        """UTF-8 and ``\\n`` on every machine unless asked otherwise."""
        for mode in ("wt", "w"):
            with bucket.open("key.txt", mode, **options) as file:
                file.write("a\nbé\n")
            assert raw.read("key.txt") == expected
            assert file.info is not None
            assert file.info.size == len(expected)

    def test_condition_of_a_writer_is_decided_at_the_close(self, bucket: Bucket, raw: Raw) -> None:
        """Who was faster in between keeps the key."""
        if not bucket.capabilities.put_if_absent:
            pytest.skip("capability put_if_absent is off")
        file = bucket.open("key", "wb", if_absent=True)
        file.write(b"slow")
        raw.write("key", b"fast")
        with pytest.raises(AlreadyExists) as caught:
            file.close()
        assert caught.value.resource == f"{bucket.url}/key"
        assert file.closed
        assert file.info is None
        assert raw.read("key") == b"fast"

    @quirk("no_multipart")
    def test_write_that_is_refused_publishes_nothing_later(self, bucket: Bucket, raw: Raw) -> None:
        """When the server stops taking parts, a close isn't a success."""

        def refuse(name: str, _key: str) -> None:
            if name == "upload_part":
                raise PermissionDenied("no longer")

        def write() -> None:
            with Watch(before=refuse).on(bucket).open("key", "wb") as file:
                for _ in range(5):
                    file.write(content(9 * MIB))

        with pytest.raises(PermissionDenied, match="no longer") as caught:
            write()
        assert caught.value.resource == f"{bucket.url}/key"
        assert raw.keys() == set()
        assert raw.open_uploads() == 0

    def test_other_modes_are_refused(self, bucket: Bucket, raw: Raw) -> None:
        """Objects aren't appended to or changed in place."""
        for mode in ("a", "ab", "r+", "rb+", "x", "wb+", "", "b", "q"):
            with pytest.raises(InvalidArgument, match="mode") as caught:
                bucket.open("key", mode)
            assert caught.value.operation == "open"
        assert raw.keys() == set()

    def test_options_of_a_write_are_refused_for_a_reader(self, bucket: Bucket) -> None:
        """They would be ignored."""
        bucket.put("key", b"x")
        options: list[dict[str, Any]] = [
            {"metadata": {}},
            {"content_type": "x/y"},
            {"if_absent": True},
            {"storage_class": "COLD"},
        ]
        open_it: Callable[..., Any] = bucket.open
        for option in options:
            with pytest.raises(InvalidArgument, match="a reader takes no option"):
                open_it("key", "rb", **option)
        with pytest.raises(NotFound):
            bucket.open("missing", "rt")
