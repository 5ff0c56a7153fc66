"""A get returns every byte that was put, and says so when it can't."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from portable.errors import (
    InvalidType,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    Unavailable,
)
from portable.storage import Bucket
from portable.testing.conformance.base import LARGE, MIB, Cases, Raw, content, crc32_of
from portable.testing.conformance.quirks import quirk
from portable.testing.drivers import Watch

TEN = b"0123456789"
RANGES: list[tuple[int | None, int | None]] = [
    (None, None),
    (0, None),
    (0, 10),
    (0, 1),
    (2, 5),
    (9, 10),
    (9, None),
    (4, 100),
    (10, None),
    (10, 20),
    (11, None),
    (50, 60),
    (2, 2),
    (5, 2),
    (0, 0),
    (-1, None),
    (-3, None),
    (-10, None),
    (-100, None),
    (-3, -1),
    (-3, 9),
    (-100, 4),
    (2, -2),
    (None, 3),
    (None, -3),
    (None, -100),
    (0, -10),
]


class GetCases(Cases):
    """`Bucket.get`, `get_ranges`, `stat` and `exists`."""

    def test_range_is_a_slice(self, bucket: Bucket, raw: Raw) -> None:
        """Cut to the object, and counted from its end when negative."""
        raw.write("ten", TEN)
        for wanted in RANGES:
            assert bucket.get("ten", range=wanted) == TEN[slice(*wanted)], wanted
        assert bucket.get_ranges("ten", RANGES) == [TEN[slice(*wanted)] for wanted in RANGES]

    def test_range_of_an_empty_object_is_empty(self, bucket: Bucket, raw: Raw) -> None:
        """Servers refuse such ranges; `portable` doesn't."""
        raw.write("empty", b"")
        for wanted in RANGES:
            assert bucket.get("empty", range=wanted) == b"", wanted
        assert bucket.get_ranges("empty", RANGES) == [b""] * len(RANGES)

    def test_range_of_a_large_object(self, bucket: Bucket) -> None:
        """However it was stored."""
        data = content(LARGE)
        bucket.put("key", data)
        for wanted in ((1, 2 * MIB), (MIB, -MIB), (-MIB - 1, None), (LARGE - 1, LARGE + 5)):
            assert bucket.get("key", range=wanted) == data[slice(*wanted)], wanted

    def test_range_of_a_wrong_type_is_refused(self, bucket: Bucket) -> None:
        """Before any request."""
        bucket.put("key", TEN)
        watch = Watch()
        watched = watch.on(bucket)
        wrong: list[Any] = [(1,), "ab", (1.0, 2), 5, (1, 2, 3), (True, 5)]
        for wanted in wrong:
            with pytest.raises(InvalidType, match="a range is a pair") as caught:
                watched.get("key", range=wanted)
            assert caught.value.resource == f"{bucket.url}/key"
        assert watch.calls == []

    def test_get_ranges_come_in_the_order_asked(self, bucket: Bucket) -> None:
        """Overlapping, repeated, far apart, empty and negative ones."""
        data = content(LARGE)
        bucket.put("key", data)
        wanted = [(LARGE - 5, LARGE), (0, 3), (2, 9), (0, 3), (5, 5), (MIB, MIB + 70), (-2, None)]
        expected = [data[slice(*pair)] for pair in wanted]
        assert bucket.get_ranges("key", wanted) == expected
        assert bucket.get_ranges("key", []) == []

    @pytest.mark.parametrize("size", [5, LARGE])
    def test_get_of_a_foreign_object(self, bucket: Bucket, raw: Raw, size: int) -> None:
        """What another tool stored has no stamp of ours and reads as well."""
        raw.write("theirs", content(size), content_type="x/y", metadata={"by": "them"})
        assert bucket.get("theirs") == content(size)
        info = bucket.stat("theirs")
        assert info.size == size
        if raw.harness.oracle.describes:
            assert (info.content_type, info.metadata) == ("x/y", {"by": "them"})
        with bucket.open("theirs") as file:
            assert file.read() == content(size)

    def test_get_of_a_revision(self, bucket: Bucket) -> None:
        """Only that one, whole or in part."""
        old = bucket.put("key", b"old body").revision
        assert bucket.get("key", if_match=old) == b"old body"
        new = bucket.put("key", b"new body").revision
        for wanted in (None, (0, 3), (2, 2), (-3, -1), (-2, None), (50, 60)):
            assert bucket.get("key", range=wanted, if_match=new) is not None
            with pytest.raises(PreconditionFailed) as caught:
                bucket.get("key", range=wanted, if_match=old)
            assert caught.value.resource == f"{bucket.url}/key"
        with pytest.raises(PreconditionFailed), bucket.open("key", if_match=old) as file:
            file.read()

    def test_get_of_a_missing_key_raises_not_found(self, bucket: Bucket) -> None:
        """Also when no byte of it was asked for; it is a `FileNotFoundError` with the URL."""
        for wanted in (None, (0, 5), (2, 2), (-3, None), (-3, -1), (100, 200)):
            with pytest.raises(NotFound, match="nope") as caught:
                bucket.get("nope", range=wanted)
            assert type(caught.value) is NotFound
            assert isinstance(caught.value, FileNotFoundError)
            assert caught.value.resource == f"{bucket.url}/nope"
            assert caught.value.operation == "get"

    @quirk("folders_are_objects")
    def test_folder_of_an_object_is_no_object(self, bucket: Bucket) -> None:
        """Nor is what its key begins with, or what begins with it."""
        bucket.put("a/b/c", b"x")
        for key in ("a", "a/b", "a/", "a/b/", "a/b/c/", "a/b/c/d", "A/b/c", "a/b/cc"):
            assert not bucket.exists(key), key
            with pytest.raises(NotFound):
                bucket.get(key)
            with pytest.raises(NotFound):
                bucket.stat(key)

    def test_stat_describes(self, bucket: Bucket) -> None:
        """Size, time in aware UTC, type, metadata and the content's checksum."""
        bucket.put("key.csv", b"a,b", metadata={"rows": "0"})
        info = bucket.stat("key.csv")
        assert (info.key, info.size, info.content_type) == ("key.csv", 3, "text/csv")
        assert info.metadata == {"rows": "0"}
        assert info.checksum is not None
        assert info.checksum.value == crc32_of(b"a,b")
        assert info.revision
        assert info.last_modified.utcoffset() == timedelta(0)
        assert abs(datetime.now(UTC) - info.last_modified) < timedelta(minutes=5)

    def test_exists_tells_of_objects_only(self, bucket: Bucket, raw: Raw) -> None:
        """Before and after a put, and after a delete."""
        assert bucket.exists("key") is False
        raw.write("key", b"")
        assert bucket.exists("key") is True
        bucket.delete("key")
        assert bucket.exists("key") is False

    @pytest.mark.parametrize("kind", [PermissionDenied, Unavailable])
    def test_exists_raises_what_is_no_answer(
        self, bucket: Bucket, kind: type[PermissionDenied | Unavailable]
    ) -> None:
        """A failure is neither yes nor no."""

        def refuse(_name: str, _key: str) -> None:
            raise kind("no answer", retryable=False)

        with pytest.raises(kind, match="no answer") as caught:
            Watch(before=refuse).on(bucket).exists("key")
        assert caught.value.resource == f"{bucket.url}/key"
