"""Keys: kept as they are, refused at write, tolerated at read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from portable.errors import InvalidKey, InvalidType, Unsupported
from portable.storage import Bucket
from portable.testing.conformance.base import Cases, Raw
from portable.testing.conformance.listing import in_order
from portable.testing.conformance.quirks import quirk
from portable.testing.drivers import Watch

WEIRD = [
    "key with spaces",
    " leading and trailing ",
    "a/ b /c",
    "plus+plus",
    "percent%20sign",
    "%2e%2e/x",
    "a%2Fb",
    "100%",
    "question?query=1&b=2",
    "hash#fragment",
    "colon:semi;comma,",
    "quotes'\"`",
    "<angle>|pipe|*star*",
    "{brace}[bracket](paren)",
    "~tilde/$dollar/@at/!bang/^",
    "=equals",
    ".hidden/.file",
    "...",
    "a..b/..c/d..",
    "trailing.",
    "trailing /x",
    "-",
    "--option=1",
    "CON",
    "aux.txt/nul/com1",
    "Thumbs.db",
    "UPPER/lower",
    "upper/LOWER",
    "café/nfc",
    "cafe\u0301/nfd",
    "日本語/キー",
    "עברית",
    "emoji/😀🏳️‍🌈",
    "\u200bzero-width\u200d",
    "\ufeffbom",
    "\u2028line-separator",
    "no\u00a0break",
    "\U0010fffd",
    "\uffee",
    "portable",
    "%portable/staging/x",
    "%-",
    "long%+/x",
    "user.portable",
    "a/" * 120 + "deep",
    "x" * 255,
    "s/" * 20 + "z" * 200,
]
LONG_SEGMENTS = ["y" * 256, "é" * 400]

REFUSED = {
    "": "is empty",
    "/lead": "begins or ends with '/'",
    "trail/": "begins or ends with '/'",
    "/": "begins or ends with '/'",
    "a//b": "empty segment",
    "./a": "segment '.'",
    "a/.": "segment '.'",
    "a/../b": "segment '..'",
    "..": "segment '..'",
    "../escape": "segment '..'",
    "a\\b": "backslash",
    "a\nb": "control character",
    "a\tb": "control character",
    "a\0b": "control character",
    "a\x7fb": "control character",
    "a\x85b": "control character",
    "\ud800": "UTF-8",
    "x" * 1025: "1024 is the most",
    "é" * 513: "1024 is the most",
    "a/" * 254 + "a": "254 is the most",
}
WRITES: dict[str, Callable[[Bucket, Any], object]] = {
    "put": lambda bucket, key: bucket.put(key, b"x"),
    "open": lambda bucket, key: bucket.open(key, "wb"),
    "copy": lambda bucket, key: bucket.copy("source", key),
    "move": lambda bucket, key: bucket.move("source", key),
}
READS: dict[str, Callable[[Bucket, Any], object]] = {
    "get": lambda bucket, key: bucket.get(key),
    "get_ranges": lambda bucket, key: bucket.get_ranges(key, [(0, 1)]),
    "open": lambda bucket, key: bucket.open(key),
    "stat": lambda bucket, key: bucket.stat(key),
    "exists": lambda bucket, key: bucket.exists(key),
    "delete": lambda bucket, key: bucket.delete(key),
    "delete_many": lambda bucket, key: bucket.delete_many([key]),
    "copy": lambda bucket, key: bucket.copy(key, "target"),
    "move": lambda bucket, key: bucket.move(key, "target"),
}
ODD = ["a//b", "./x", "a/../b", "trail/", "a\\b"]
CONTROL = ["tab\tkey", "x\x7f", pytest.param("new\nline", marks=quirk("newline_keys"))]


class KeyCases(Cases):
    """Names of objects."""

    @pytest.mark.parametrize(
        "keys",
        [WEIRD[::2], WEIRD[1::2], pytest.param(LONG_SEGMENTS, marks=quirk("segment_over_255"))],
        ids=["weird", "weirder", "long"],
    )
    def test_key_is_kept_as_it_is(self, bucket: Bucket, raw: Raw, keys: list[str]) -> None:
        """Never stripped, escaped, folded or normalised, whichever call it goes through."""
        for key in keys:
            bucket.put(key, key.encode())
            assert raw.keys() == {key}
            assert raw.read(key) == key.encode(), key
            assert bucket.get(key) == key.encode(), key
            assert bucket.stat(key).key == key
            assert [info.key for info in bucket.list(key)] == [key]
            bucket.copy(key, "copy")
            assert bucket.get("copy") == key.encode(), key
            bucket.delete(key)
            assert raw.keys() == {"copy"}, key
            bucket.delete("copy")

    @quirk("order_by_segment")
    @quirk("order_by_utf16")
    def test_weird_keys_live_together(self, bucket: Bucket, raw: Raw) -> None:
        """Each has its own content, listed in order and deleted in one call."""
        for key in WEIRD:
            bucket.put(key, key.encode())
        assert raw.keys() == set(WEIRD)
        assert [info.key for info in bucket.list()] == in_order(WEIRD)
        for key in WEIRD:
            assert bucket.get(key) == key.encode(), key
        report = bucket.delete_many(WEIRD)
        assert (report.deleted, dict(report.errors)) == (len(WEIRD), {})
        assert raw.keys() == set()

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("key", "KEY"),
            ("café", "cafe\u0301"),
            ("a.", "a"),
            ("a ", "a"),
            ("ß", "ss"),
            ("ﬁ", "fi"),
        ],
        ids=ascii,
    )
    def test_similar_keys_are_not_merged(
        self, bucket: Bucket, raw: Raw, one: str, other: str
    ) -> None:
        """They are two objects; where that can't be, the second is refused."""
        bucket.put(one, b"one")
        refused = None
        try:
            bucket.put(other, b"other")
        except Unsupported as error:
            refused = error.resource
        if refused is None:
            assert raw.keys() == {one, other}
            assert bucket.get(other) == b"other"
        else:
            assert refused == f"{bucket.url}/{other}"
            assert raw.keys() == {one}
        assert bucket.get(one) == b"one"

    @pytest.mark.parametrize("fill", ["a", "é", "日", "😀"])
    def test_key_of_the_greatest_length(self, bucket: Bucket, raw: Raw, fill: str) -> None:
        """1,024 bytes of UTF-8 with the prefix; one more is refused."""
        room = 1024 - len(bucket._connection.prefix.encode())
        segment = fill * (200 // len(fill.encode())) + "/"
        key = (segment * 6).encode()[:room].decode(errors="ignore").rstrip("/")
        key += "x" * (room - len(key.encode()))
        bucket.put(key, b"x")
        assert raw.keys() == {key}
        assert [info.key for info in bucket.list()] == [key]
        with pytest.raises(InvalidKey, match="1024 is the most"):
            bucket.put(key + "y", b"x")
        assert raw.keys() == {key}

    @pytest.mark.parametrize("write", WRITES)
    def test_key_that_some_provider_can_not_hold_is_refused(
        self, bucket: Bucket, raw: Raw, write: str
    ) -> None:
        """By every write, with the reason, before any request."""
        raw.write("source", b"x")
        watch = Watch()
        watched = watch.on(bucket)
        for key, reason in REFUSED.items():
            with pytest.raises(InvalidKey) as caught:
                WRITES[write](watched, key)
            assert isinstance(caught.value, ValueError)
            assert reason in caught.value.message
            assert caught.value.operation == write
        assert watch.calls == []
        assert raw.keys() == {"source"}

    def test_key_that_is_no_str_is_refused(self, bucket: Bucket) -> None:
        """By every call, with a `TypeError`."""
        bucket.put("source", b"x")
        watch = Watch()
        watched = watch.on(bucket)
        for call in [*WRITES.values(), *READS.values()]:
            for key in (b"bytes", None, 7):
                with pytest.raises(InvalidType, match="a key is a str") as caught:
                    call(watched, key)
                assert isinstance(caught.value, TypeError)
        assert watch.calls == []

    def test_key_that_nothing_can_have_is_refused(self, bucket: Bucket) -> None:
        """By reading calls too: it can't be sent."""
        watch = Watch()
        watched = watch.on(bucket)
        for call in READS.values():
            for key in ("", "a\0b", "\udfff"):
                with pytest.raises(InvalidKey):
                    call(watched, key)
        assert watch.calls == []

    @pytest.mark.parametrize(
        "key",
        [*(pytest.param(key, marks=quirk("odd_keys")) for key in ODD), *CONTROL],
        ids=ascii,
    )
    def test_foreign_key_that_breaks_the_rules(self, bucket: Bucket, raw: Raw, key: str) -> None:
        """It is listed, read, copied to a good key and deleted as it is."""
        if not raw.harness.holds(key):
            pytest.skip("the provider can't hold it")
        raw.write(key, b"theirs")
        raw.write("ours", b"")
        assert [info.key for info in bucket.list()] == in_order([key, "ours"])
        assert bucket.get(key) == b"theirs"
        assert bucket.get(key, range=(1, 3)) == b"he"
        assert bucket.stat(key).size == 6
        with bucket.open(key) as file:
            assert file.read() == b"theirs"
        bucket.copy(key, "copy")
        assert raw.read("copy") == b"theirs"
        bucket.delete(key)
        assert raw.keys() == {"ours", "copy"}
