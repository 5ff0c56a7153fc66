"""Which keys may be written, and which may be asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portable.errors import InvalidKey, InvalidType
from portable.storage.keys import check_key, check_prefix, check_readable


@pytest.mark.parametrize(
    "key",
    ["a", "a/b", ".hidden", "a..b", "...", "a b", " ", "é", "日本/語", "a%2Fb", "k" * 1024, "é" * 512,
     "a" + "/a" * 253, "~", "CON", "a:b?c*d"],
)  # fmt: skip
def test_a_key_that_every_provider_holds_is_taken(key: str) -> None:
    """As it is: nothing is stripped or escaped."""
    assert check_key(key) == key


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", "is empty"),
        ("/a", "begins or ends with '/'"),
        ("a/", "begins or ends with '/'"),
        ("/", "begins or ends with '/'"),
        ("a//b", "empty segment"),
        (".", "segment '.'"),
        ("..", "segment '..'"),
        ("a/../b", "segment '..'"),
        ("./a", "segment '.'"),
        ("a\\b", "backslash"),
        ("a\nb", "control character '\\n'"),
        ("a\x00", "control character '\\x00'"),
        ("\x7f", "control character"),
        ("\x85", "control character"),
        ("\ud800", "isn't Unicode text"),
        ("k" * 1025, "1025 bytes"),
        ("é" * 513, "1026 bytes"),
        ("a" + "/a" * 254, "255 segments"),
        (".well-known/acme-challenge/x", "Google"),
    ],
)
def test_a_key_that_some_provider_cannot_hold_is_refused(key: str, why: str) -> None:
    """And the error says which rule it breaks."""
    with pytest.raises(InvalidKey) as caught:
        check_key(key)
    assert why in caught.value.message


def test_the_prefix_counts_towards_the_limit() -> None:
    """A key that fits alone may not fit below a prefix."""
    check_key("k" * 1019, "team/")
    with pytest.raises(InvalidKey, match="below 'team/'"):
        check_key("k" * 1020, "team/")


@pytest.mark.parametrize("check", [check_key, check_readable, check_prefix])
@pytest.mark.parametrize("key", [b"a", None, 1])
def test_a_key_that_is_no_str_is_a_type_error(check: object, key: object) -> None:
    """Also for `except TypeError`."""
    with pytest.raises(InvalidType) as caught:
        check(key)  # type: ignore[operator]
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize("key", ["a//b", "/a", "../x", "a\n", "a\\b", "k" * 2000])
def test_a_foreign_key_may_be_asked_for(key: str) -> None:
    """Other tools write what we don't."""
    assert check_readable(key) == key


@pytest.mark.parametrize("key", ["", "a\0b", "\udfff"])
def test_what_no_store_can_hold_may_not_be_asked_for(key: str) -> None:
    """A request for it could not even be written."""
    with pytest.raises(InvalidKey):
        check_readable(key)


@given(st.text(max_size=300))
def test_any_text_is_taken_or_refused(key: str) -> None:
    """What is taken is UTF-8 of 1 to 1,024 bytes without an empty or dotted segment."""
    try:
        check_key(key)
    except InvalidKey:
        return
    assert 1 <= len(key.encode()) <= 1024
    assert not {"", ".", ".."} & set(key.split("/"))
    assert key.isprintable() or not any(ord(letter) < 32 for letter in key)
