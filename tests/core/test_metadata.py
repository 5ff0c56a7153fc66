"""User metadata and the stamp."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portable.errors import InvalidArgument, InvalidType
from portable.storage.metadata import (
    MAX_BYTES,
    STAMP_BYTES,
    Stamp,
    check_metadata,
    decode_value,
    encode_value,
    new_write_id,
    stamped,
    unstamped,
)

TEXT = st.text(st.characters(codec="utf-8"), max_size=200)


@given(TEXT)
def test_any_text_survives_an_ascii_only_provider(value: str) -> None:
    """What is sent is printable ASCII that no proxy trims."""
    sent = encode_value(value)
    assert sent.isascii()
    assert sent.isprintable()
    assert sent == sent.strip() != ""
    assert decode_value(sent) == value


def test_printable_ascii_is_sent_as_it_is() -> None:
    """So that other tools can read it."""
    assert encode_value("run 7, lr=0.1") == "run 7, lr=0.1"


def test_words_of_other_tools_are_read() -> None:
    """S3 itself answers in quoted-printable words."""
    assert decode_value("=?UTF-8?Q?caf=C3=A9?=") == "café"
    assert decode_value("=?utf-8?b?Y2Fmw6k=?= =?utf-8?b?IQ==?=") == "café!"


@pytest.mark.parametrize("value", ["=?utf-8?b?***?=", "=?nonsense", "=?x-unknown?b?aa?="])
def test_what_only_looks_like_a_word_is_left_alone(value: str) -> None:
    """A foreign value is shown, not refused."""
    assert decode_value(value) == value


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), TEXT, max_size=4))
def test_the_stamp_goes_along_unseen(user: dict[str, str]) -> None:
    """Both ways, with an ASCII-only provider and without."""
    user.pop("portable", None)
    stamp = Stamp(new_write_id(), 0xDEADBEEF)
    for ascii_only in (True, False):
        stored = stamped(user, stamp.write_id, stamp.crc32, ascii_only=ascii_only)
        assert unstamped(stored, ascii_only=ascii_only) == (user, stamp)


def test_a_foreign_entry_of_our_name_is_shown() -> None:
    """Only what reads as a stamp is one."""
    assert unstamped({"Portable": "radio"}, ascii_only=True) == ({"portable": "radio"}, None)


def test_the_stamp_is_as_long_as_the_limit_reckons() -> None:
    """Name and value, digest included."""
    stored = stamped({}, new_write_id(), 1, ascii_only=True)
    assert sum(len(name) + len(value) for name, value in stored.items()) == STAMP_BYTES


@pytest.mark.parametrize("name", ["A", "a-b", "a b", "1a", "_a", "", "é", "a\n", "portable"])
def test_a_name_that_some_provider_changes_is_refused(name: str) -> None:
    """Azure takes identifiers only, S3 folds case."""
    with pytest.raises(InvalidArgument) as caught:
        check_metadata({name: "x"})
    assert repr(name) in caught.value.message


@pytest.mark.parametrize("metadata", ["x", [("a", "b")], {"a": 1}, {1: "a"}, {"a": b"x"}])
def test_metadata_of_another_type_is_a_type_error(metadata: object) -> None:
    """Numbers are not turned into text behind the user's back."""
    with pytest.raises(InvalidType):
        check_metadata(metadata)


def test_a_value_that_is_no_unicode_text_is_refused() -> None:
    """Half a surrogate pair has no UTF-8."""
    with pytest.raises(InvalidArgument, match="Unicode"):
        check_metadata({"a": "\ud800"})


def test_the_size_limit_counts_what_is_sent() -> None:
    """ASCII as it is, the rest as words, and the stamp."""
    room = MAX_BYTES - STAMP_BYTES - len("name")
    check_metadata({"name": "x" * room})
    with pytest.raises(InvalidArgument, match="2049 bytes"):
        check_metadata({"name": "x" * (room + 1)})
    with pytest.raises(InvalidArgument, match="the most"):
        check_metadata({"name": "é" * (room // 2)})


def test_no_metadata_is_an_empty_mapping() -> None:
    """`None` and `{}` mean the same."""
    assert check_metadata(None) == check_metadata({}) == {}
