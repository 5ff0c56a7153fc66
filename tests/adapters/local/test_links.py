"""No symbolic link below the root is followed, in any position, by any call."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portable.errors import NotFound, PermissionDenied, PortableError

from .support import Make, Store

LONG = "x" * 300


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_text("SECRET")
    return folder


FORMS: dict[str, tuple[str, Callable[[Path, Path], None]]] = {
    "a folder, absolute": ("link/secret", lambda at, out: (at / "link").symlink_to(out)),
    "a folder, relative": ("link/secret", lambda at, out: (at / "link").symlink_to("../outside")),
    "a file": ("link", lambda at, out: (at / "link").symlink_to(out / "secret")),
    "a file below": ("a/link", lambda at, out: (at / "a/link").symlink_to(out / "secret")),
    "a folder below": ("a/link/secret", lambda at, out: (at / "a/link").symlink_to(out)),
    "a chain": ("two/secret", lambda at, out: chain(at, out)),
    "to what isn't there": ("link", lambda at, out: (at / "link").symlink_to(out / "new")),
    "to nothing, as a folder": ("link/x", lambda at, out: (at / "link").symlink_to(out / "no")),
    "to itself": ("link", lambda at, out: (at / "link").symlink_to("link")),
    "inside the root": ("link", lambda at, out: (at / "link").symlink_to("a/real")),
    "a long segment": (
        LONG,
        lambda at, out: (at / ("x" * 200 + "%+")).symlink_to(out),
    ),
}


def chain(at: Path, out: Path) -> None:
    (at / "one").symlink_to(out)
    (at / "two").symlink_to("one")


@pytest.mark.parametrize("form", FORMS)
def test_a_link_is_refused_by_every_call(make: Make, outside: Path, form: str) -> None:
    store = make()
    store.put("a/real", b"1")
    key, plant = FORMS[form]
    plant(store.root, outside)
    calls: list[Callable[[], object]] = [
        lambda: store.get(key),
        lambda: store.stat(key),
        lambda: store.put(key, b"pwned"),
        lambda: store.put(key, b"pwned", if_absent=True),
        lambda: store.put(key, b"pwned", if_match="0"),
        lambda: store.upload(key, [b"pwned"]),
        lambda: store.copy("a/real", key),
    ]
    for call in calls:
        with pytest.raises(PermissionDenied, match="symbolic link"):
            call()
    assert isinstance(store.delete(key)[key], PermissionDenied)
    assert store.keys() == ["a/real"]
    assert store.keys(key) == []
    assert [str(entry) for entry in store.entries("link/")] == []
    assert os.listdir(outside) == ["secret"]  # noqa: PTH208
    assert (outside / "secret").read_text() == "SECRET"
    assert store.leftovers() == []


@pytest.mark.parametrize("folder", ["", "/locks", "/staging", "/attributes"])
def test_the_internal_folder_as_a_link_is_refused(make: Make, outside: Path, folder: str) -> None:
    store = make()
    store.root.mkdir()
    if folder:
        (store.root / "%portable").mkdir()
    (store.root / f"%portable{folder}").symlink_to(outside)
    for key in ("a", "a", "b"):
        with contextlib.suppress(PermissionDenied):
            store.put(key, metadata={"n": "x" * 2040})
    assert os.listdir(outside) == ["secret"]  # noqa: PTH208


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    Store(tmp_path / "link").put("a")
    assert (tmp_path / "real/a").exists()
    assert Store(tmp_path / "real").keys() == ["a"]


def test_pipes_and_sockets_are_no_objects(plain: Store) -> None:
    plain.put("a")
    os.mkfifo(plain.root / "pipe")
    assert plain.keys() == ["a"]
    with pytest.raises(NotFound):
        plain.get("pipe")
    with pytest.raises(PortableError):
        plain.put("pipe")


HOSTILE = st.lists(
    st.sampled_from(["..", ".", "", "link", "a", "%2e%2e", "..\\", "~", "pwn", "%portable", "C:"]),
    min_size=1,
    max_size=5,
).map("/".join)


@settings(max_examples=400, deadline=None, database=None)
@given(key=HOSTILE)
def test_no_key_leads_out_of_the_root(key: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    if not key:
        return
    base = tmp_path_factory.mktemp("fuzz")
    store = Store(base / "root")
    store.root.mkdir()
    (store.root / "link").symlink_to(base)
    for call in (store.put, store.get, store.delete):
        with contextlib.suppress(PortableError):
            call(key)
    assert os.listdir(base) == ["root"]  # noqa: PTH208
