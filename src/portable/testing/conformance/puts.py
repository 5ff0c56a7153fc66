"""A put stores the whole object or nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from portable.errors import InvalidArgument, PermissionDenied, Unsupported
from portable.storage import Bucket
from portable.testing.conformance.base import LARGE, PART, Cases, Raw, content, crc32_of
from portable.testing.conformance.quirks import quirk
from portable.testing.drivers import Watch
from portable.testing.harness import Harness

SIZES = [0, 1, PART - 1, PART, PART + 1, LARGE]


class PutCases(Cases):
    """`Bucket.put`."""

    @pytest.mark.parametrize("size", SIZES)
    def test_put_stores_every_byte(self, bucket: Bucket, raw: Raw, size: int) -> None:
        """Sizes around the edges of a part arrive whole and leave no upload open."""
        data = content(size)
        info = bucket.put("key", data)
        assert raw.keys() == {"key"}
        assert raw.read("key") == data
        assert (info.size, bucket.stat("key").size) == (size, size)
        assert bucket.get("key") == data
        assert raw.open_uploads() == 0

    def test_put_is_seen_by_every_other_bucket_at_once(self, bucket: Bucket, twin: Bucket) -> None:
        """Get, stat, list and exists of another `Bucket` have it when the put returns."""
        for number in range(5):
            key = f"key-{number}"
            info = bucket.put(key, b"%d" % number)
            assert twin.get(key) == b"%d" % number
            assert twin.stat(key).revision == info.revision
            assert key in [found.key for found in twin.list()]
            assert twin.exists(key)

    def test_put_replaces(self, bucket: Bucket, raw: Raw) -> None:
        """Content, content type and metadata of the old object are gone."""
        bucket.put("key", b"a longer old body", content_type="text/old", metadata={"old": "1"})
        bucket.put("key", b"new", content_type="text/new", metadata={"new": "2"})
        assert raw.keys() == {"key"}
        assert raw.read("key") == b"new"
        info = bucket.stat("key")
        assert (info.content_type, info.metadata) == ("text/new", {"new": "2"})

    @pytest.mark.parametrize("size", [11, LARGE])
    def test_put_returns_what_stat_says(self, bucket: Bucket, size: int) -> None:
        """Nobody needs a second call to know what was stored."""
        data = content(size)
        info = bucket.put("a/key.txt", data, metadata={"name": "välue"})
        stat = bucket.stat("a/key.txt")
        for field in ("key", "size", "revision", "content_type", "metadata", "checksum", "etag"):
            assert getattr(info, field) == getattr(stat, field), field
        assert stat.key == "a/key.txt"
        assert stat.metadata == {"name": "välue"}
        assert stat.checksum is not None
        assert (stat.checksum.algorithm, stat.checksum.value) == ("crc32", crc32_of(data))
        assert abs((info.last_modified - stat.last_modified).total_seconds()) < 60

    def test_revision_changes_with_the_content(self, bucket: Bucket) -> None:
        """Overwrites of one size within one tick of a clock are told apart."""
        seen = {bucket.put("key", b"%04d" % number).revision for number in range(20)}
        assert len(seen) == 20
        assert bucket.stat("key").revision in seen

    @pytest.mark.parametrize("size", [1, LARGE])
    def test_revision_is_the_same_from_put_stat_and_list(self, bucket: Bucket, size: int) -> None:
        """One token for one version, wherever it comes from."""
        put = bucket.put("key", content(size)).revision
        assert bucket.stat("key").revision == put
        assert [info.revision for info in bucket.list()] == [put]
        assert [info.revision for info in bucket.listdir().objects] == [put]

    @pytest.mark.parametrize("given", [5, PART + 1, LARGE])
    @pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt])
    def test_put_whose_source_fails_keeps_the_old_object(
        self, bucket: Bucket, raw: Raw, given: int, kind: type[BaseException]
    ) -> None:
        """Not a byte of the new one is seen, and nothing is left that costs money."""

        def failing() -> Iterator[bytes]:
            yield content(given)
            raise kind("the source fails")

        bucket.put("key", b"old", metadata={"old": "1"})
        for key in ("key", "new"):
            with pytest.raises(kind, match="the source fails"):
                bucket.put(key, failing())
        assert raw.keys() == {"key"}
        assert raw.read("key") == b"old"
        assert bucket.stat("key").metadata == {"old": "1"}
        assert raw.open_uploads() == 0

    @quirk("no_multipart")
    @pytest.mark.parametrize("method", ["begin", "upload_part", "commit"])
    def test_put_that_is_refused_midway_keeps_the_old_object(
        self, bucket: Bucket, raw: Raw, method: str
    ) -> None:
        """The upload is dropped and the error says what was refused."""

        def refuse(name: str, _key: str) -> None:
            if name == method:
                raise PermissionDenied("not you")

        bucket.put("key", b"old")
        watched = Watch(before=refuse).on(bucket)
        with pytest.raises(PermissionDenied, match="not you") as caught:
            watched.put("key", content(LARGE))
        assert caught.value.operation == "put"
        assert caught.value.resource == f"{bucket.url}/key"
        watched.close()
        assert raw.read("key") == b"old"
        assert raw.open_uploads() == 0

    def test_put_of_one_part_is_one_request(self, bucket: Bucket) -> None:
        """Up to the size of a part nothing is begun that could be left behind."""
        watch = Watch()
        watched = watch.on(bucket)
        watched.put("small", b"x")
        watched.put("part", content(PART))
        assert watch.calls == ["put", "put"]

    @pytest.mark.parametrize(
        ("key", "expected"),
        [
            ("a.txt", "text/plain"),
            ("a/b.json", "application/json"),
            ("model.tar.gz", "application/gzip"),
            ("data.parquet", "application/vnd.apache.parquet"),
            ("noending", "application/octet-stream"),
            ("a.unknownending", "application/octet-stream"),
        ],
    )
    def test_content_type_is_guessed_from_the_key(
        self, bucket: Bucket, key: str, expected: str
    ) -> None:
        """The same guess on every provider."""
        bucket.put(key, b"")
        assert bucket.stat(key).content_type == expected

    @pytest.mark.parametrize(
        "content_type",
        ["image/png", "text/plain; charset=utf-8", 'text/x; name="a b"; n=1', "x/y"],
    )
    @pytest.mark.parametrize("size", [3, LARGE])
    def test_content_type_is_kept_as_given(
        self, bucket: Bucket, content_type: str, size: int
    ) -> None:
        """Whatever the key looks like."""
        bucket.put("a.html", content(size), content_type=content_type)
        assert bucket.stat("a.html").content_type == content_type

    @pytest.mark.parametrize("content_type", ["", "tëxt/plain", "text/plain\r\nX-Evil: 1"])
    def test_content_type_that_no_header_holds_is_refused(
        self, bucket: Bucket, raw: Raw, content_type: str
    ) -> None:
        """Before anything is sent."""
        watch = Watch()
        with pytest.raises(InvalidArgument, match="content type"):
            watch.on(bucket).put("key", b"x", content_type=content_type)
        assert watch.calls == []
        assert raw.keys() == set()

    def test_storage_class_is_kept_or_refused(
        self, bucket: Bucket, raw: Raw, harness: Harness
    ) -> None:
        """It is the provider's, so a provider without them refuses it before any request."""
        if bucket.capabilities.storage_classes and harness.storage_class:
            bucket.put("key", b"x", storage_class=harness.storage_class)
            assert bucket.stat("key").storage_class == harness.storage_class
            assert raw.read("key") == b"x"
        watch = Watch(capabilities={"storage_classes": False})
        with pytest.raises(Unsupported, match="storage classes") as caught:
            watch.on(bucket).put("other", b"x", storage_class="ANY")
        assert caught.value.resource == f"{bucket.url}/other"
        assert watch.calls == []
        assert "other" not in {*raw.keys()}

    @pytest.mark.parametrize("size", [0, 7, LARGE])
    def test_progress_ends_with_all_bytes(self, bucket: Bucket, size: int) -> None:
        """It only grows, and it tells the total where that is known."""
        seen: list[tuple[int, int | None]] = []
        bucket.put("key", content(size), progress=lambda sent, total: seen.append((sent, total)))
        sent = [step for step, _ in seen]
        assert sent == sorted(sent)
        assert seen[-1] == (size, size)
        unknown: list[tuple[int, int | None]] = []
        bucket.put("key", iter([b"ab", b"c"]), progress=lambda *step: unknown.append(step))
        assert unknown[-1] == (3, None)
