"""Listing: every object, in the order of the keys' UTF-8 bytes, lazily."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portable.errors import InvalidArgument, InvalidKey, InvalidType
from portable.storage import Bucket, listing
from portable.testing.conformance.base import Cases, Raw, content, slow
from portable.testing.conformance.quirks import quirk
from portable.testing.drivers import Watch

TREE = [
    "a.txt",
    "dir-1/x",
    "dir/a",
    "dir/b/c",
    "dir/b/d",
    "dir0",
    "dirt",
    "é/1",
    "z/z/z/z",
    "日本/語",
    "😀",
]
SEGMENT = st.text(st.sampled_from("aAb0-._ é~日😀\U00010000\uffee"), min_size=1, max_size=4)
KEYS = (
    st.lists(SEGMENT, min_size=1, max_size=3)
    .map("/".join)
    .filter(lambda key: not {".", ".."} & set(key.split("/")))
)


def in_order(keys: Any) -> list[str]:
    """Keys as a listing has to give them."""
    return sorted(keys, key=str.encode)


def without_nesting(keys: set[str]) -> set[str]:
    """Drop keys that are folders of others, for providers that hold either."""
    folders = {key[:at] for key in keys for at, letter in enumerate(key) if letter == "/"}
    return keys - folders


def names(bucket: Bucket, *args: Any, **kwargs: Any) -> list[str]:
    """The keys that `list` gives."""
    return [info.key for info in bucket.list(*args, **kwargs)]


class ListingCases(Cases):
    """`Bucket.list`."""

    def test_list_of_an_empty_bucket(self, bucket: Bucket) -> None:
        """It is empty, with any prefix."""
        assert names(bucket) == names(bucket, "x") == names(bucket, "x/") == []
        assert names(bucket, start_after="a", limit=5) == []

    @quirk("order_by_segment")
    def test_list_gives_every_key_in_the_order_of_its_bytes(self, bucket: Bucket, raw: Raw) -> None:
        """Not by segments, not by code units of UTF-16."""
        shuffled = random.Random(1).sample(TREE, len(TREE))
        for key in shuffled:
            raw.write(key, b"")
        assert names(bucket) == in_order(TREE)

    @quirk("order_by_segment")
    def test_prefix_is_plain_text(self, bucket: Bucket, raw: Raw) -> None:
        """It ends anywhere in a key; it is no folder."""
        for key in TREE:
            raw.write(key, b"")
        for prefix in ("d", "dir", "dir/", "dir/b", "dir/b/", "dirt", "dirty", "é", "日", "/", "x"):
            assert names(bucket, prefix) == in_order(key for key in TREE if key.startswith(prefix))

    @quirk("order_by_segment")
    @pytest.mark.parametrize("page", [1, 2, 3, 1000])
    def test_pages_join_without_a_gap(
        self, bucket: Bucket, raw: Raw, page: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever their size, with every mix of prefix, start and limit."""
        monkeypatch.setattr(listing, "PAGE_KEYS", page)
        for key in TREE:
            raw.write(key, b"")
        chance = random.Random(page)
        edges = [*TREE, "", "a", "dir", "dir/b", "dir/b/", "dir/c", "zz", "\U0010ffff"]
        for _ in range(12):
            prefix = chance.choice(["", "", "dir", "dir/", "z"])
            after, limit = chance.choice([*edges, None]), chance.choice([None, 0, 1, 3, 50])
            expected = [
                key
                for key in in_order(TREE)
                if key.startswith(prefix) and key.encode() > (after or "").encode()
            ][:limit]
            asked = (prefix, after, limit)
            assert names(bucket, prefix, start_after=after, limit=limit) == expected, asked

    @slow
    def test_list_of_more_than_a_page(self, bucket: Bucket, raw: Raw) -> None:
        """More than a thousand objects, all of them once, and removed again in bulk."""
        keys = [f"{number * 7919 % 1203:05d}" for number in range(1203)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: raw.write(key, b""), keys))
        found = names(bucket)
        assert len(found) == 1203
        assert found == sorted(keys)
        assert names(bucket, start_after="00999", limit=1002) == sorted(keys)[1000:]
        report = bucket.delete_many(info.key for info in bucket.list())
        assert (report.deleted, report.ok) == (1203, True)
        assert raw.keys() == set()

    def test_list_is_lazy(self, bucket: Bucket, raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
        """The first objects of many cost one request."""
        monkeypatch.setattr(listing, "PAGE_KEYS", 4)
        for number in range(10):
            raw.write(f"{number}", b"")
        watch = Watch()
        assert [info.key for info in islice(watch.on(bucket).list(), 2)] == ["0", "1"]
        assert watch.calls == ["list"]

    def test_list_follows_every_write_and_delete_at_once(self, bucket: Bucket) -> None:
        """Nothing is cached."""
        bucket.put("a", b"1")
        assert names(bucket) == ["a"]
        bucket.put("b", b"2")
        assert names(bucket) == ["a", "b"]
        bucket.put("a", b"longer")
        assert [info.size for info in bucket.list()] == [6, 1]
        bucket.delete("a")
        assert names(bucket) == ["b"]
        bucket.delete("b")
        assert names(bucket) == []
        assert bucket.listdir().prefixes == []

    def test_list_entries_say_what_stat_says(self, bucket: Bucket) -> None:
        """Key, size and revision; what a listing doesn't carry is `None`, never wrong."""
        for number, key in enumerate(["a", "b/c", "b/é"]):
            bucket.put(key, content(number + 1), metadata={"n": str(number)})
        for info in bucket.list():
            stat = bucket.stat(info.key)
            assert (info.size, info.revision) == (stat.size, stat.revision)
            assert info.metadata in (None, stat.metadata)
            assert info.content_type in (None, stat.content_type)
            assert info.last_modified.tzinfo is not None
            assert abs((info.last_modified - stat.last_modified).total_seconds()) < 2

    def test_objects_can_be_deleted_while_they_are_listed(
        self, bucket: Bucket, raw: Raw, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """None is passed over."""
        monkeypatch.setattr(listing, "PAGE_KEYS", 2)
        keys = [f"{letter}/{number}" for letter in "ab" for number in range(4)]
        for key in keys:
            raw.write(key, b"")
        seen = []
        for info in bucket.list():
            seen.append(info.key)
            bucket.delete(info.key)
        assert seen == keys
        assert raw.keys() == set()

    def test_list_shows_nothing_unfinished(self, bucket: Bucket) -> None:
        """Neither uploads under way nor a driver's own files."""
        bucket.put("done", b"x", metadata={"a": "b" * 1500})
        writer = bucket.open("under-way", "wb")
        writer.write(content(17 * 1024**2))
        assert names(bucket) == ["done"]
        level = bucket.listdir()
        assert ([info.key for info in level.objects], level.prefixes) == (["done"], [])
        writer.abort()

    @quirk("order_by_utf16")
    def test_list_of_any_keys(self, bucket: Bucket, raw: Raw) -> None:
        """Random keys come back in order and in full."""

        @settings(
            max_examples=8,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.sets(KEYS, max_size=12))
        def check(keys: set[str]) -> None:
            keys = keys if bucket.capabilities.nested_keys else without_nesting(keys)
            for key in keys:
                bucket.put(key, b"")
            assert raw.keys() == keys
            assert names(bucket) == in_order(keys)
            bucket.delete_many(keys)

        check()

    def test_marker_of_the_prefix_is_not_listed(self, bucket: Bucket, raw: Raw) -> None:
        """The empty object with which other tools make a folder of the prefix has no key here."""
        if not raw.prefix or not raw.harness.holds(raw.prefix):
            pytest.skip("there is no such marker at the root, or no such object at this provider")
        raw.harness.oracle.write(raw.prefix, b"")
        raw.write("a", b"")
        assert names(bucket) == ["a"]
        assert names(bucket, limit=1) == ["a"]
        assert [info.key for info in bucket.listdir().objects] == ["a"]

    @pytest.mark.parametrize(
        ("arguments", "kind", "words"),
        [
            ({"prefix": 7}, InvalidType, "a prefix is a str"),
            ({"prefix": "a\0"}, InvalidKey, "NUL"),
            ({"start_after": b"a"}, InvalidType, "a str"),
            ({"limit": -1}, InvalidArgument, "limit"),
            ({"limit": 1.5}, InvalidArgument, "limit"),
            ({"limit": True}, InvalidArgument, "limit"),
        ],
        ids=str,
    )
    def test_list_refuses_what_it_can_not_mean(
        self,
        bucket: Bucket,
        arguments: dict[str, Any],
        kind: type[InvalidArgument],
        words: str,
    ) -> None:
        """At the call, not at the first object."""
        with pytest.raises(kind, match=words) as caught:
            bucket.list(**arguments)
        assert caught.value.operation == "list"
