from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .support import Store, key_of

SEGMENTS = st.one_of(
    st.text(alphabet="aB-. 0é%:~", min_size=1, max_size=3),
    st.integers(195, 206).map(lambda size: "x" * size),
    st.tuples(st.integers(197, 201), st.sampled_from(["-", "/", "é", ":", "a", "~~"])).map(
        lambda drawn: "x" * drawn[0] + drawn[1].replace("/", "0") + "b"
    ),
).filter(lambda segment: segment not in (".", ".."))
KEYS = st.lists(SEGMENTS, min_size=1, max_size=3).map("/".join)


def without_nesting(keys: set[str]) -> set[str]:
    """Leave out keys that are folders of others, which a file system can't hold."""
    return {key for key in keys if not any(other.startswith(key + "/") for other in keys)}


def folded(keys: list[str], prefix: str) -> list[str]:
    """One level, as a list of keys tells it."""
    level = set()
    for key in keys:
        rest = key[len(prefix) :]
        level.add(prefix + rest.split("/")[0] + "/" if "/" in rest else key)
    return sorted(level, key=str.encode)


@settings(max_examples=300, deadline=None, database=None)
@given(st.sets(KEYS, max_size=14), st.data())
def test_listings_are_those_of_a_sorted_list(keys: set[str], data: st.DataObject) -> None:
    keys = without_nesting(keys)
    root = Path(tempfile.mkdtemp())
    try:
        store = Store(root)
        for key in keys:
            store.put(key)
        ordered = sorted(keys, key=str.encode)
        limit = data.draw(st.integers(1, 4))
        assert store.keys(limit=limit) == ordered
        some = st.one_of(KEYS, st.sampled_from([*ordered, "x" * 200]))
        prefix = data.draw(some)
        prefix = prefix[: data.draw(st.integers(0, len(prefix)))]
        after = data.draw(st.one_of(st.just(""), some))
        wanted = [
            key for key in ordered if key.startswith(prefix) and key.encode() > after.encode()
        ]
        for again in (False, True):
            found = store.objects(prefix, start_after=after, limit=limit, again=again)
            assert [entry.key for entry in found] == wanted
            entries = store.entries(prefix, start_after=after, limit=limit, again=again)
            assert [key_of(entry) for entry in entries] == folded(wanted, prefix)
    finally:
        shutil.rmtree(root)


def test_prefixes_are_strings_not_segments(plain: Store) -> None:
    for key in ("runs/1", "runs/10", "runs-2", "run", "s/1"):
        plain.put(key)
    assert plain.keys("run") == ["run", "runs-2", "runs/1", "runs/10"]
    assert plain.keys("runs/1") == ["runs/1", "runs/10"]
    assert plain.keys("runs/") == ["runs/1", "runs/10"]
    assert plain.keys("run/") == plain.keys("/") == plain.keys("runs//") == []


def test_a_folder_that_holds_no_object_is_no_prefix(plain: Store) -> None:
    plain.put("a/b")
    (plain.root / "empty/er").mkdir(parents=True)
    assert [key_of(entry) for entry in plain.entries()] == ["a/"]


def test_the_internal_folder_is_never_listed(store: Store) -> None:
    store.put("a", metadata={"n": "x" * 2000})
    assert store.keys() == ["a"]
    assert store.keys("%portable/") == store.keys("%") == []
    assert [key_of(entry) for entry in store.entries()] == ["a"]


def test_a_listing_looks_into_no_other_folder(
    plain: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("a/1", "b/c/1", "b/c/2", "d/1"):
        plain.put(key)
    opened: list[str] = []
    real = plain.driver._root.open

    def watched(names: Sequence[str], *, make: bool = False) -> int:
        opened.append("/".join(names))
        return real(names, make=make)

    monkeypatch.setattr(plain.driver._root, "open", watched)
    assert plain.keys("b/c/") == ["b/c/1", "b/c/2"]
    assert set(opened) == {"b/c"}
    opened.clear()
    assert plain.keys(start_after="b/c/1") == ["b/c/2", "d/1"]
    assert "a" not in opened


def test_changes_between_pages_neither_hide_nor_repeat_what_stays(plain: Store) -> None:
    stays = [f"{folder}/{number:02}" for folder in "abc" for number in range(0, 40, 2)]
    for key in stays:
        plain.put(key)
        plain.put(key + "-goes")
    seen: list[str] = []
    token = None
    while True:
        page = plain.driver.list("", delimiter=False, start_after="", token=token, limit=7)
        seen += [found.key for found in page.objects]
        token = page.token
        if token is None:
            break
        going = [key for key in plain.keys("") if key.endswith("-goes")][::5]
        plain.delete(*going)
        plain.put(f"b/{len(seen):02}-new")
    assert [key for key in seen if key in stays] == stays
    assert seen == sorted(set(seen))


def test_a_token_may_be_used_twice(plain: Store) -> None:
    for number in range(30):
        plain.put(f"{number:02}")
    first = plain.driver.list("", delimiter=False, start_after="", token=None, limit=10)
    second = [
        plain.driver.list("", delimiter=False, start_after="", token=first.token, limit=10).objects
        for _ in range(2)
    ]
    assert second[0] == second[1]
    assert [found.key for found in second[0]] == [f"{number:02}" for number in range(10, 20)]


def test_a_later_listing_sees_what_came_after_an_earlier_one_began(plain: Store) -> None:
    for number in range(0, 30, 2):
        plain.put(f"{number:02}")
    plain.driver.list("", delimiter=False, start_after="", token=None, limit=5)
    plain.put("21")
    assert "21" in plain.keys(limit=5)


def test_keys_as_deep_as_they_come_are_listed(plain: Store) -> None:
    key = "/".join("a" * 512)
    plain.put(key)
    assert plain.keys() == [key]
    assert plain.keys(start_after=key[:-2]) == [key]
    assert [key_of(entry) for entry in plain.entries("a/a/")] == ["a/a/a/"]
    plain.delete(key)
    assert plain.files() == []
