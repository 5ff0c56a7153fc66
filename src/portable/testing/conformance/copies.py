"""Copy and move: content, content type and metadata go along, wherever to."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest

from portable.errors import IntegrityError, InvalidKey, NotFound, ObjectChanged, PermissionDenied
from portable.storage import Bucket
from portable.storage.around import DriverAround
from portable.storage.driver import StorageDriver, StoredObject
from portable.testing.conformance.base import LARGE, Cases, Raw, content
from portable.testing.conformance.quirks import quirk
from portable.testing.drivers import Watch, around
from portable.testing.harness import Harness
from portable.testing.targets.memory import forget, open_memory_bucket

METADATA = {"plain": "a b", "text": "naïve 日本", "edges": " x "}
Transfer = Callable[[Bucket, str, str], object]


def _copy(bucket: Bucket, source: str, target: str) -> object:
    return bucket.copy(source, target)


def _move(bucket: Bucket, source: str, target: str) -> object:
    return bucket.move(source, target)


class _Elsewhere(DriverAround):
    """A driver that reaches no other one, not even one of its own provider."""

    def copy(
        self, source: StoredObject, target: str, *, origin: StorageDriver
    ) -> StoredObject | None:
        return super().copy(source, target, origin=origin) if origin is self else None


class CopyCases(Cases):
    """`Bucket.copy` and `Bucket.move`."""

    @pytest.fixture
    def elsewhere(self) -> Iterator[Bucket]:
        """A bucket of another provider."""
        name = uuid.uuid4().hex
        yield around(open_memory_bucket(name), _Elsewhere)
        forget(name)

    @pytest.fixture
    def other(self, harness: Harness) -> Iterator[Bucket]:
        """Another bucket of the same provider, or another prefix where there is one only."""
        if harness.other_bucket is None:
            other = harness.open_bucket("other-prefix")
        else:
            other = harness.other_bucket()
        yield other
        other.delete_many(info.key for info in other.list())
        other.close()

    @pytest.mark.parametrize("transfer", [_copy, _move])
    @pytest.mark.parametrize("size", [0, 20, LARGE])
    def test_copy_is_the_same_object(
        self, bucket: Bucket, raw: Raw, transfer: Transfer, size: int
    ) -> None:
        """The answer says what stat says of the target; only a move removes the source."""
        source = bucket.put("a/source.txt", content(size), content_type="x/y", metadata=METADATA)
        info = transfer(bucket, "a/source.txt", "b/target.bin")
        stat = bucket.stat("b/target.bin")
        assert (stat.size, stat.content_type, stat.metadata) == (size, "x/y", METADATA)
        assert stat.checksum == source.checksum
        for field in ("key", "size", "revision", "content_type", "metadata", "checksum"):
            assert getattr(info, field) == getattr(stat, field), field
        assert raw.read("b/target.bin") == bucket.get("b/target.bin") == content(size)
        kept = {"a/source.txt"} if transfer is _copy else set()
        assert raw.keys() == kept | {"b/target.bin"}

    @pytest.mark.parametrize("transfer", [_copy, _move])
    def test_copy_replaces(self, bucket: Bucket, raw: Raw, transfer: Transfer) -> None:
        """What was at the target is gone, its metadata too."""
        bucket.put("target", b"old", content_type="old/old", metadata={"old": "1"})
        bucket.put("source", b"new", content_type="new/new", metadata={"new": "2"})
        transfer(bucket, "source", "target")
        info = bucket.stat("target")
        assert raw.read("target") == b"new"
        assert (info.content_type, info.metadata) == ("new/new", {"new": "2"})

    @pytest.mark.parametrize("transfer", [_copy, _move])
    def test_copy_of_a_missing_object(self, bucket: Bucket, raw: Raw, transfer: Transfer) -> None:
        """`NotFound` of the source; the target stays."""
        bucket.put("target", b"old")
        with pytest.raises(NotFound) as caught:
            transfer(bucket, "nope", "target")
        assert caught.value.resource == f"{bucket.url}/nope"
        assert caught.value.operation == transfer.__name__.strip("_")
        assert raw.read("target") == b"old"

    @pytest.mark.parametrize("transfer", [_copy, _move])
    def test_copy_onto_itself_keeps_it(self, bucket: Bucket, raw: Raw, transfer: Transfer) -> None:
        """A move too."""
        before = bucket.put("key", b"x", metadata=METADATA)
        transfer(bucket, "key", "key")
        after = bucket.stat("key")
        assert raw.read("key") == b"x"
        assert (after.metadata, after.content_type) == (METADATA, before.content_type)

    def test_copy_is_an_object_of_its_own(self, bucket: Bucket, raw: Raw) -> None:
        """What happens to the source afterwards doesn't happen to it, nor the other way."""
        bucket.put("source", b"first", metadata={"version": "1"})
        bucket.copy("source", "target")
        bucket.put("source", b"second", metadata={"version": "2"})
        assert bucket.get("target") == b"first"
        assert bucket.stat("target").metadata == {"version": "1"}
        bucket.put("target", b"third", metadata={"version": "3"})
        assert raw.read("source") == b"second"
        assert bucket.stat("source").metadata == {"version": "2"}
        bucket.delete("source")
        assert bucket.get("target") == b"third"

    @pytest.mark.parametrize("transfer", [_copy, _move])
    def test_copy_to_a_bad_key_is_refused(
        self, bucket: Bucket, raw: Raw, transfer: Transfer
    ) -> None:
        """Before any request."""
        bucket.put("source", b"x")
        watch = Watch()
        with pytest.raises(InvalidKey):
            transfer(watch.on(bucket), "source", "a//b")
        assert watch.calls == []
        assert raw.keys() == {"source"}

    @quirk("copy_ignores_if_match")
    def test_copy_of_a_source_that_changes(self, bucket: Bucket, twin: Bucket, raw: Raw) -> None:
        """The revision that was looked at is copied, or nothing is."""
        bucket.put("source", b"first", metadata={"version": "1"})

        def replace(name: str, _key: str) -> None:
            if name == "stat":
                twin.put("source", b"second", metadata={"version": "2"})

        with pytest.raises(ObjectChanged) as caught:
            Watch(after=replace).on(bucket).copy("source", "target")
        assert caught.value.resource == f"{bucket.url}/source"
        assert raw.keys() == {"source"}

    @quirk("delete_ignores_if_match")
    def test_move_keeps_a_source_that_changed(self, bucket: Bucket, twin: Bucket, raw: Raw) -> None:
        """Nothing that was never copied is deleted."""
        bucket.put("source", b"first")

        def replace(name: str, _key: str) -> None:
            if name == "copy":
                twin.put("source", b"second")

        with pytest.raises(ObjectChanged, match="both are kept"):
            Watch(after=replace).on(bucket).move("source", "target")
        assert raw.read("source") == b"second"
        assert raw.read("target") == b"first"

    def test_move_that_can_not_copy_keeps_the_source(self, bucket: Bucket, raw: Raw) -> None:
        """It is removed last."""

        def refuse(name: str, _key: str) -> None:
            if name in ("copy", "put"):
                raise PermissionDenied("not there")

        bucket.put("source", b"x")
        with pytest.raises(PermissionDenied, match="not there"):
            Watch(before=refuse).on(bucket).move("source", "target")
        assert raw.keys() == {"source"}

    @pytest.mark.parametrize("size", [20, LARGE])
    def test_copy_to_another_bucket_of_the_provider(
        self, bucket: Bucket, other: Bucket, raw: Raw, size: int
    ) -> None:
        """Both ways; the same key may be in both."""
        bucket.put("key", content(size), content_type="x/y", metadata=METADATA)
        info = bucket.copy("key", "key", to=other)
        assert (info.key, info.size) == ("key", size)
        assert other.get("key") == content(size)
        found = other.stat("key")
        assert (found.content_type, found.metadata) == ("x/y", METADATA)
        other.copy("key", "back", to=bucket)
        assert raw.read("back") == content(size)
        assert bucket.stat("back").metadata == METADATA
        assert raw.keys() == {"key", "back"}

    @pytest.mark.parametrize("size", [0, 20, LARGE])
    def test_copy_between_providers(
        self, bucket: Bucket, elsewhere: Bucket, raw: Raw, size: int
    ) -> None:
        """There and back: bytes, content type and metadata."""
        bucket.put("key", content(size), content_type="x/y", metadata=METADATA)
        bucket.copy("key", "there", to=elsewhere)
        assert elsewhere.get("there") == content(size)
        found = elsewhere.stat("there")
        assert (found.content_type, found.metadata) == ("x/y", METADATA)
        elsewhere.copy("there", "back", to=bucket)
        assert raw.read("back") == content(size)
        info = bucket.stat("back")
        assert (info.content_type, info.metadata) == ("x/y", METADATA)
        assert info.checksum == bucket.stat("key").checksum
        assert raw.open_uploads() == 0

    @pytest.mark.parametrize("size", [20, LARGE])
    def test_copy_between_providers_is_verified(
        self, bucket: Bucket, elsewhere: Bucket, size: int
    ) -> None:
        """Bytes that changed on the way aren't published over there."""
        bucket.put("key", content(size))
        flipped = Watch(body=lambda data: data[:-1] + bytes([data[-1] ^ 1]) if data else data)
        with pytest.raises(IntegrityError) as caught:
            flipped.on(bucket).copy("key", "there", to=elsewhere)
        assert caught.value.resource == f"{bucket.url}/key"
        assert [info.key for info in elsewhere.list()] == []
