"""How keys become names of files. PORTABLE_EXAMPLES sets how many random ones are tried."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portable_local.names import INTERNAL, key_of, path_of, segment_of

EXAMPLES = int(os.environ.get("PORTABLE_EXAMPLES", "1000"))
ANY_SEGMENT = st.one_of(
    st.text(min_size=1, max_size=30),
    st.text(alphabet="aA%.+2Ee :é~", min_size=1, max_size=30),
    st.text(alphabet="x%é\U0001f600", min_size=60, max_size=420),
    st.sampled_from(["con", "NUL", "lpt1", ".", "..", "%", "%2E", "%+", "%portable", " ", "a."]),
).filter(lambda segment: "/" not in segment)
ANY_KEY = st.lists(ANY_SEGMENT, min_size=1, max_size=4).map("/".join)
FILE_NAMES = st.one_of(
    st.text(alphabet="aB%2Ee3F+.- :é/", min_size=1, max_size=12),
    st.binary(min_size=1, max_size=8).map(lambda name: name.decode("utf-8", "surrogateescape")),
).filter(lambda name: "/" not in name and "\0" not in name)


@settings(max_examples=EXAMPLES, deadline=None, database=None)
@given(ANY_KEY)
def test_every_key_comes_back_from_its_path(key: str) -> None:
    path = path_of(key)
    segments, pieces = [], []
    for name in path:
        pieces.append(name)
        if not name.endswith("%+"):
            segments.append(segment_of(pieces))
            pieces = []
    assert "/".join(str(segment) for segment in segments) == key
    assert key_of(path) == key


@settings(max_examples=EXAMPLES, deadline=None, database=None)
@given(ANY_KEY)
def test_every_name_fits_every_file_system(key: str) -> None:
    for name in path_of(key):
        assert 0 < len(name.encode()) <= 202
        assert not set('<>:"|?*\\\0\n') & set(name)
        assert name not in (".", "..")
        assert name[-1] not in ". "
        assert name.upper() not in ("CON", "NUL", "LPT1")


@settings(max_examples=EXAMPLES, deadline=None, database=None)
@given(ANY_KEY, ANY_KEY)
def test_two_keys_never_share_a_path(one: str, other: str) -> None:
    assert (path_of(one) == path_of(other)) == (one == other)


@settings(max_examples=EXAMPLES, deadline=None, database=None)
@given(st.lists(FILE_NAMES, min_size=1, max_size=2))
def test_a_file_name_is_of_the_key_that_has_it_or_of_none(pieces: list[str]) -> None:
    segment = segment_of(pieces)
    if segment is not None:
        assert path_of(segment) == tuple(pieces)
        assert "/" not in segment
        segment.encode()


@settings(max_examples=EXAMPLES, deadline=None, database=None)
@given(ANY_KEY)
def test_no_key_leads_into_the_internal_folder(key: str) -> None:
    assert path_of(key)[0] != INTERNAL


def test_an_everyday_key_is_its_own_path() -> None:
    key = "runs/2026-11-22/model_v2.1 (final)+é.tar.gz"
    assert path_of(key) == tuple(key.split("/"))


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("50%", ("50%25",)),
        ("a:b", ("a%3Ab",)),
        ("a.", ("a%2E",)),
        ("..", (".%2E",)),
        ("a/../b", ("a", ".%2E", "b")),
        ("con", ("co%6E",)),
        ("con.txt", ("con.txt",)),
        ("a\\b", ("a%5Cb",)),
        ("x" * 200, ("x" * 200,)),
        ("x" * 201, ("x" * 200 + "%+", "x")),
        ("é" * 101, ("é" * 100 + "%+", "é")),
        ("x" * 199 + ":", ("x" * 199 + "%+", "%3A")),
        ("%portable/staging/a", ("%25portable", "staging", "a")),
    ],
)
def test_awkward_keys_are_escaped(key: str, path: tuple[str, ...]) -> None:
    assert path_of(key) == path


@pytest.mark.parametrize(
    "name", ["%portable", "%2e", "%2F", "%41", "%", "a%", "a:b", "a.", "x" * 201, "%+", "%FF"]
)
def test_names_that_no_key_has_are_of_none(name: str) -> None:
    assert segment_of([name]) is None
