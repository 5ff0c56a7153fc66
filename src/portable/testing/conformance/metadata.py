"""Metadata: any text, kept to the letter, or refused before it is sent."""

from __future__ import annotations

from typing import Any

import pytest

from portable.errors import InvalidArgument, InvalidType
from portable.storage import Bucket
from portable.testing.conformance.base import LARGE, Cases, Raw, content
from portable.testing.drivers import Watch

# A value that begins and ends with a letter and is printable ASCII is stored as it is.
VALUES = [
    "plain",
    "inner  double  spaces",
    "a=b;c,d\"e'f",
    "100% + more & <tags>",
    "\\back\\slash",
    "",
    " ",
    " leading",
    "trailing ",
    "\t",
    "a\tb",
    "a\nb",
    "a\r\nX-Injected: yes",
    "\n",
    "\0",
    "\x7f",
    "é",
    "ÿ",
    "日本語の説明",
    "😀",
    "e\u0301",
    "\u2028",
    "\ufeffbom",
    "=?utf-8?b?Zm9v?=",
    "=?UTF-8?Q?=41?=",
    "=?utf-8?b?not base64!?=",
    "=?",
    "=?x",
    "?=",
    '{"json": "yes", "n": [1, 2]}',
    "x" * 1500,
    "é" * 500,
]
TOO_LARGE = [
    {"a": "x" * 2048},
    {"a": "é" * 800},
    {f"name{number}": "x" * 100 for number in range(20)},
    {"n" * 2048: ""},
]
BAD_NAMES = [
    "",
    "Upper",
    "with-dash",
    "with space",
    "1digit",
    "_lead",
    "é",
    "a.b",
    "a\n",
    "portable",
]


class MetadataCases(Cases):
    """``metadata`` of `put`, `stat` and writers."""

    def test_value_comes_back_as_it_was_given(self, bucket: Bucket) -> None:
        """Whatever the provider's headers can hold."""
        for value in VALUES:
            bucket.put("key", b"x", metadata={"value": value, "plain": "kept"})
            assert bucket.stat("key").metadata == {"value": value, "plain": "kept"}

    @pytest.mark.parametrize("way", ["put", "large_put", "writer", "large_writer"])
    def test_every_way_of_writing_keeps_metadata(self, bucket: Bucket, way: str) -> None:
        """Also in parts."""
        given = {"plain": "a b", "empty": "", "text": "naïve 日本", "n0_1": "  "}
        data = content(LARGE if way.startswith("large") else 9)
        if way.endswith("put"):
            info = bucket.put("key", data, metadata=given)
        else:
            with bucket.open("key", "wb", metadata=given) as file:
                file.write(data)
            assert file.info is not None
            info = file.info
        assert info.metadata == given
        assert bucket.stat("key").metadata == given
        assert bucket.get("key") == data

    def test_other_tools_see_plain_values_as_they_are(self, bucket: Bucket, raw: Raw) -> None:
        """And one entry more, which users of `portable` never see."""
        bucket.put("key", b"x", metadata={"run": "7", "note": "a b"})
        stored = {name.lower(): value for name, value in raw.metadata("key").items()}
        assert stored.pop("portable")
        assert stored == {"run": "7", "note": "a b"}
        assert bucket.stat("key").metadata == {"run": "7", "note": "a b"}

    def test_no_metadata_is_an_empty_mapping(self, bucket: Bucket, raw: Raw) -> None:
        """Of our objects and of others'."""
        bucket.put("ours", b"x")
        raw.write("theirs", b"x")
        for key in ("ours", "theirs"):
            assert bucket.stat(key).metadata == {}

    def test_metadata_is_not_shared_with_the_caller(self, bucket: Bucket) -> None:
        """Neither the mapping given nor the one returned is the stored one."""
        given = {"a": "1"}
        info = bucket.put("key", b"x", metadata=given)
        given["a"] = "changed"
        for found in (info.metadata, bucket.stat("key").metadata):
            assert found == {"a": "1"}
            if isinstance(found, dict):
                found["a"] = "changed"
        assert bucket.stat("key").metadata == {"a": "1"}

    def test_metadata_up_to_the_limit(self, bucket: Bucket) -> None:
        """2 KiB as it is sent, `portable`'s own 35 bytes included."""
        given = {"a": "x" * (2048 - 35 - 1)}
        bucket.put("key", b"x", metadata=given)
        assert bucket.stat("key").metadata == given
        with pytest.raises(InvalidArgument, match="2048 is the most"):
            bucket.put("key", b"x", metadata={"a": given["a"] + "x"})
        assert bucket.stat("key").metadata == given

    @pytest.mark.parametrize("metadata", TOO_LARGE, ids=["ascii", "encoded", "many", "name"])
    def test_metadata_that_is_too_large_is_refused(
        self, bucket: Bucket, raw: Raw, metadata: dict[str, str]
    ) -> None:
        """Before any request, on providers that could hold more too."""
        watch = Watch()
        with pytest.raises(InvalidArgument, match="2048 is the most") as caught:
            watch.on(bucket).put("key", b"x", metadata=metadata)
        assert caught.value.resource == f"{bucket.url}/key"
        assert watch.calls == []
        assert raw.keys() == set()

    def test_name_that_some_provider_would_change_is_refused(
        self, bucket: Bucket, raw: Raw
    ) -> None:
        """Before any request."""
        watch = Watch()
        watched = watch.on(bucket)
        for name in BAD_NAMES:
            with pytest.raises(InvalidArgument, match="metadata name"):
                watched.put("key", b"x", metadata={name: "x"})
        assert watch.calls == []
        assert raw.keys() == set()

    def test_metadata_that_is_not_text_is_refused(self, bucket: Bucket, raw: Raw) -> None:
        """With a `TypeError`."""
        wrong: list[Any] = [{"a": 1}, {"a": None}, {"a": b"x"}, {1: "x"}, "a=b", ["a"]]
        for metadata in wrong:
            with pytest.raises(InvalidType, match="mapping of str to str"):
                bucket.put("key", b"x", metadata=metadata)
        with pytest.raises(InvalidArgument, match="isn't Unicode text"):
            bucket.put("key", b"x", metadata={"a": "\ud800"})
        assert raw.keys() == set()
