"""One level of keys, as a folder is shown, and keys that are folders of others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portable.errors import Unsupported
from portable.storage import Bucket, Listing, listing
from portable.testing.conformance.base import LARGE, Cases, Raw, content
from portable.testing.conformance.listing import TREE, in_order
from portable.testing.conformance.quirks import quirk


def _model(keys: list[str], prefix: str) -> tuple[list[str], list[str]]:
    objects, prefixes = [], set()
    for key in in_order(keys):
        if key.startswith(prefix):
            rest = key[len(prefix) :]
            if "/" in rest:
                prefixes.add(prefix + rest[: rest.index("/") + 1])
            else:
                objects.append(key)
    return objects, in_order(prefixes)


def _shape(level: Listing) -> tuple[list[str], list[str]]:
    return [info.key for info in level.objects], level.prefixes


def _put(bucket: Bucket, key: str) -> None:
    bucket.put(key, b"new")


def _put_large(bucket: Bucket, key: str) -> None:
    bucket.put(key, content(LARGE))


def _write(bucket: Bucket, key: str) -> None:
    with bucket.open(key, "wb") as file:
        file.write(b"new")


def _copy(bucket: Bucket, key: str) -> None:
    bucket.copy("source", key)


def _move(bucket: Bucket, key: str) -> None:
    bucket.move("source", key)


_PAIRS = [("a", "a/b"), ("a/b", "a"), ("a/b/c/d", "a/b")]
NESTED = [
    pytest.param(
        write,
        first,
        second,
        marks=[quirk("commit_over_folder")] if write is _put_large and len(first) > 1 else [],
    )
    for write in (_put, _put_large, _write, _copy, _move)
    for first, second in _PAIRS
]


class FolderCases(Cases):
    """`Bucket.listdir` and nested keys."""

    @quirk("order_by_segment")
    @pytest.mark.parametrize(
        "page", [*(pytest.param(size, marks=quirk("prefixes_repeated")) for size in (1, 2)), 1000]
    )
    def test_listdir_is_one_level(
        self,
        bucket: Bucket,
        raw: Raw,
        page: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Objects directly at the prefix, and each folder below it once, on any size of page."""
        monkeypatch.setattr(listing, "PAGE_KEYS", page)
        for key in TREE:
            raw.write(key, b"")
        for prefix in ("", "d", "dir", "dir/", "dir/b/", "z/z/", "é", "x", "x/"):
            assert _shape(bucket.listdir(prefix)) == _model(TREE, prefix)

    @quirk("order_by_segment")
    @pytest.mark.parametrize("page", [1, 2, 1000])
    def test_folder_with_a_letter_before_the_slash(
        self, bucket: Bucket, raw: Raw, page: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """``t-/`` comes before ``t/``, and paging passes neither over."""
        monkeypatch.setattr(listing, "PAGE_KEYS", page)
        keys = ["t-/t.", "t/t/t", "t/t2", "t0", "t-", "t!/t"]
        if not bucket.capabilities.nested_keys:
            keys.remove("t-")
        for key in keys:
            raw.write(key, b"")
        assert [info.key for info in bucket.list()] == in_order(keys)
        for prefix in ("", "t", "t/", "t-"):
            assert _shape(bucket.listdir(prefix)) == _model(keys, prefix)

    @quirk("empty_folders_kept")
    def test_folder_is_gone_with_its_last_object(self, bucket: Bucket, raw: Raw) -> None:
        """There are no empty folders, and a file may take the folder's name."""
        bucket.put("a/b/c", b"")
        assert bucket.listdir().prefixes == ["a/"]
        bucket.delete("a/b/c")
        assert _shape(bucket.listdir()) == ([], [])
        bucket.put("a", b"now an object")
        assert raw.read("a") == b"now an object"
        assert _shape(bucket.listdir()) == (["a"], [])

    @pytest.mark.parametrize(("write", "first", "second"), NESTED)
    def test_key_that_is_a_folder_of_another(
        self,
        bucket: Bucket,
        raw: Raw,
        write: Callable[[Bucket, str], None],
        first: str,
        second: str,
    ) -> None:
        """Both are objects, or the second is refused and nothing has changed."""
        bucket.put("source", b"new")
        bucket.put(first, b"first", metadata={"kept": "yes"})
        if bucket.capabilities.nested_keys:
            write(bucket, second)
            assert raw.read(first) == b"first"
            assert raw.read(second)[:3] in (b"new", content(LARGE)[:3])
            found = {info.key for info in bucket.list()}
            assert found == raw.keys() == {first, second} | ({"source"} - {_moved(write)})
            bucket.delete(first)
            assert bucket.exists(second)
            return
        with pytest.raises(Unsupported, match="nested_keys") as caught:
            write(bucket, second)
        assert caught.value.provider == bucket.provider
        assert raw.keys() == {first, "source"}
        assert raw.read(first) == b"first"
        assert bucket.stat(first).metadata == {"kept": "yes"}
        assert not bucket.exists(second)
        assert raw.open_uploads() == 0


def _moved(write: Callable[[Bucket, str], None]) -> str:
    return "source" if write is _move else ""
