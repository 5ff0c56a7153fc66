"""Files that other programs wrote, edited, renamed or linked."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
import zlib
from collections.abc import Callable

import pytest

from portable.errors import AlreadyExists, NotFound, PreconditionFailed, Unsupported
from portable_local import names, objects, publish

from .support import Make, Store


def test_a_file_that_was_dropped_in_is_an_object(store: Store) -> None:
    store.put("a")
    (store.root / "data").mkdir()
    (store.root / "data/my file.csv").write_bytes(b"1,2")
    found = store.stat("data/my file.csv")
    assert store.get("data/my file.csv") == b"1,2"
    assert (found.size, found.crc32, found.content_type, found.metadata) == (3, None, None, {})
    assert list(store.objects("data/")) == [found]


def test_names_that_no_key_has_are_not_listed(plain: Store) -> None:
    plain.put("a")
    for name in ("%zz", "a:b", "dot.", "y" * 201, "%61", "caf\udce9"):
        (plain.root / name).write_bytes(b"")
    assert plain.keys() == ["a"]


def test_an_edit_in_place_makes_a_new_revision_without_attributes(store: Store) -> None:
    put = store.put("a", b"12345", metadata={"n": "1"})
    with open(store.root / "a", "r+b") as file:
        file.write(b"54321")
    found = store.stat("a")
    assert store.get("a") == b"54321"
    assert found.revision != put.revision
    assert (found.crc32, found.metadata) == (None, {})
    with pytest.raises(PreconditionFailed):
        store.put("a", b"2", if_match=put.revision)
    store.put("a", b"3", if_match=found.revision)
    assert store.leftovers() == []


def test_the_time_of_a_put_is_exact_so_that_an_edit_in_the_same_tick_differs(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_700_000_000_123_456_789
    monkeypatch.setattr(time, "time_ns", lambda: now)
    put = store.put("a", b"1")
    assert (store.root / "a").stat().st_mtime_ns == now
    os.utime(store.root / "a", ns=(now, now + 1))
    assert store.stat("a").revision != put.revision


def test_each_edit_changes_a_foreign_revision(plain: Store) -> None:
    plain.put("other")
    seen = set()
    for size in range(1, 6):
        (plain.root / "a").write_bytes(b"x" * size)
        seen.add(plain.stat("a").revision)
    assert len(seen) == 5


def test_a_foreign_file_counts_for_conditions(store: Store) -> None:
    store.put("other")
    (store.root / "a").write_bytes(b"1")
    with pytest.raises(AlreadyExists):
        store.put("a", if_absent=True)
    store.copy("a", "b")
    assert store.stat("b").crc32 == zlib.crc32(b"1")
    assert not store.delete("a")
    assert store.keys() == ["b", "other"]


def test_a_file_that_was_renamed_keeps_its_attributes(store: Store) -> None:
    put = store.put("a", b"1", metadata={"n": "1"})
    (store.root / "a").rename(store.root / "b")
    found = store.stat("b")
    assert (found.key, found.revision, found.metadata) == ("b", put.revision, {"n": "1"})
    store.put("a", b"2")
    store.put("b", b"3")
    assert (store.get("a"), store.get("b")) == (b"2", b"3")


def test_a_hard_link_is_an_object_of_its_own(store: Store) -> None:
    store.put("a", b"1")
    os.link(store.root / "a", store.root / "b")
    assert store.get("b") == b"1"
    store.put("b", b"2")
    assert (store.get("a"), store.get("b")) == (b"1", b"2")


def test_a_copy_by_another_tool_is_an_object(plain: Store) -> None:
    plain.put("a", b"1", metadata={"n": "1"})
    shutil.copy2(plain.root / "a", plain.root / "b")
    assert plain.get("b") == b"1"
    plain.put("a", b"2")
    assert plain.get("b") == b"1"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"+",
        b'{"key":"a"}',
        json.dumps(
            {"key": "a", "revision": "r", "type": None, "metadata": [], "crc32": 0}
        ).encode(),
    ],
)
def test_damaged_attributes_make_a_foreign_object(plain: Store, value: bytes) -> None:
    if not hasattr(os, "setxattr"):
        pytest.skip("this system has no extended attributes")
    plain.put("a", b"1")
    os.setxattr(plain.root / "a", "user.portable", value)
    assert plain.get("a") == b"1"
    assert plain.stat("a").revision.startswith("foreign-")
    plain.put("a", b"2")
    assert plain.stat("a").crc32 == zlib.crc32(b"2")


@pytest.fixture
def folding(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store on a file system that doesn't tell upper case from lower."""
    for module in (objects, publish):
        monkeypatch.setattr(module, "path_of", lambda key: names.path_of(key.lower()))
    return store


def test_two_keys_that_the_file_system_holds_as_one_are_never_merged(folding: Store) -> None:
    put = folding.put("Model", b"1")
    calls: list[Callable[[], object]] = [
        lambda: folding.put("model", b"2"),
        lambda: folding.put("model", b"2", if_absent=True),
        lambda: folding.put("model", b"2", if_match=put.revision),
        lambda: folding.upload("model", [b"2"]),
        lambda: folding.copy("Model", "model"),
    ]
    for call in calls:
        with pytest.raises(Unsupported, match=r"can't hold both 'model' and 'Model'"):
            call()
    for read in (folding.get, folding.stat):
        with pytest.raises(NotFound):
            read("model")
    assert not folding.delete("model")
    assert folding.get("Model") == b"1"
    assert folding.keys() == ["Model"]
    folding.put("Model", b"3")
    folding.delete("Model")
    folding.put("model", b"4")
    assert folding.leftovers() == []


def test_an_edited_file_of_another_key_is_not_replaced(folding: Store) -> None:
    folding.put("Model", b"1")
    (folding.root / "model").write_bytes(b"edited")
    with pytest.raises(Unsupported):
        folding.put("model", b"2")


def test_a_foreign_file_of_another_name_is_not_replaced(
    plain: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain.put("other")
    (plain.root / "model").write_bytes(b"1")
    monkeypatch.setattr(os, "listdir", lambda _: ["Model"])
    with pytest.raises(Unsupported, match="a file that is there"):
        plain.put("model", b"2")


def test_records_are_used_where_the_file_system_has_no_extended_attributes(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: object) -> bytes:
        raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr(os, "setxattr", unsupported, raising=False)
    monkeypatch.setattr(os, "getxattr", unsupported, raising=False)
    store = make()
    put = store.put("a", b"1", metadata={"n": "1"})
    assert make().stat("a") == put
    store.put("a", b"2")
    store.delete("a")
    assert store.leftovers() == []


def test_objects_are_published_where_there_are_no_hard_links(
    plain: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "not permitted")

    monkeypatch.setattr(os, "link", refused)
    store = Store(plain.root, ("records", "named"))
    store.put("a", b"1", if_absent=True)
    with pytest.raises(AlreadyExists):
        store.put("a", b"2", if_absent=True)
    put = store.put("a", b"2", metadata={"n": "1"})
    assert store.stat("a") == put
    assert store.leftovers() == []
