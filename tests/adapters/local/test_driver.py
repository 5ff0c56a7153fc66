"""Putting, reading and deleting, with both attribute stores and both ways of staging."""

from __future__ import annotations

import contextlib
import os
import tempfile
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from portable.errors import (
    AlreadyExists,
    IntegrityError,
    NotFound,
    ObjectChanged,
    PermissionDenied,
    PreconditionFailed,
    Unsupported,
)
from portable.storage.driver import FolderDriver

from .support import Make, Store, forked, joined, options

LONG = "x" * 300


def test_nothing_is_made_before_the_first_write(store: Store) -> None:
    assert store.keys() == []
    with pytest.raises(NotFound):
        store.stat("a")
    assert not store.delete("a")
    assert not store.root.exists()


@pytest.mark.parametrize("body", [b"", b"x", bytes(range(256)) * 5000])
def test_a_put_comes_back_with_all_that_was_said_of_it(store: Store, body: bytes) -> None:
    put = store.put("a/b.bin", body, content_type="image/png", metadata={"run": "é7"})
    assert store.get("a/b.bin") == body
    assert (store.root / "a/b.bin").read_bytes() == body
    found = store.stat("a/b.bin")
    assert found == put
    assert (found.size, found.crc32) == (len(body), zlib.crc32(body))
    assert (found.content_type, found.metadata) == ("image/png", {"run": "é7"})
    assert found.last_modified.utcoffset() is not None
    assert list(store.objects()) == [found]


def test_an_object_is_a_file_that_others_may_read_and_write(plain: Store) -> None:
    """Also where its name is an odd one; those below one folder are in one."""
    assert isinstance(plain.driver, FolderDriver)
    for key in ("jobs/7/exit.json", "a:b/con", "x" * 300):
        file = Path(plain.driver.file_of(key))
        assert not file.exists()
        plain.put(key, b"ours")
        assert file.read_bytes() == b"ours"
        file.write_bytes(b"theirs")
        assert plain.get(key) == b"theirs"
    folder = plain.driver.file_of("jobs/7")
    assert plain.driver.file_of("jobs/7/exit.json") == f"{folder}/exit.json"


def test_another_driver_sees_it_at_once(make: Make) -> None:
    put = make().put("a", b"1")
    assert make().stat("a") == put


def test_a_view_of_a_larger_buffer_is_stored_as_it_is(store: Store) -> None:
    store.put("a", memoryview(b"0123456789")[2:5])
    assert store.get("a") == b"234"


def test_metadata_of_two_kibibytes_always_fits(store: Store) -> None:
    metadata = {"a": '"' * 1000, "b": "\\" * 1046}
    key = "é" * 512
    store.put(key, b"1", metadata=metadata, content_type="a/" + "b" * 200)
    assert store.stat(key).metadata == metadata
    store.put(key, b"2", metadata=metadata)
    assert store.get(key) == b"2"
    assert store.leftovers() == []
    store.delete(key)
    assert store.leftovers() == []
    assert store.files() == []


def test_a_put_replaces_content_metadata_and_revision(store: Store) -> None:
    first = store.put("a", b"1", metadata={"n": "1"})
    second = store.put("a", b"2", metadata={"n": "2"})
    assert first.revision != second.revision
    assert store.stat("a") == second
    assert store.leftovers() == []


def test_equal_puts_have_different_revisions(store: Store) -> None:
    revisions = {store.put("a", b"same").revision for _ in range(50)}
    assert len(revisions) == 50


def test_a_body_that_does_not_match_its_checksum_is_refused(store: Store) -> None:
    with pytest.raises(IntegrityError):
        store.driver.put("a", b"1", zlib.crc32(b"2"), options())
    assert store.files() == []


def test_if_absent_refuses_an_existing_key(store: Store) -> None:
    store.put("a", b"1", if_absent=True)
    with pytest.raises(AlreadyExists):
        store.put("a", b"2", if_absent=True)
    assert store.get("a") == b"1"
    assert store.leftovers() == []


def test_if_match_takes_the_current_revision_only(store: Store) -> None:
    first = store.put("a", b"1")
    second = store.put("a", b"2", if_match=first.revision)
    with pytest.raises(PreconditionFailed):
        store.put("a", b"3", if_match=first.revision)
    assert store.stat("a") == second
    assert store.leftovers() == []


def test_if_match_of_a_missing_key_makes_nothing(store: Store) -> None:
    with pytest.raises(PreconditionFailed):
        store.put("a/b/c", b"3", if_match="0")
    assert store.keys() == []
    assert not (store.root / "a").exists()


@pytest.mark.parametrize(
    ("start", "end", "wanted"),
    [
        (0, None, b"0123456789"),
        (2, 5, b"234"),
        (2, None, b"23456789"),
        (5, 100, b"56789"),
        (10, None, b""),
        (50, 60, b""),
        (3, 3, b""),
        (-3, None, b"789"),
        (-30, None, b"0123456789"),
    ],
)
def test_ranges_are_cut_to_the_object(
    plain: Store, start: int, end: int | None, wanted: bytes
) -> None:
    plain.put("a", b"0123456789")
    assert plain.get("a", start, end) == wanted
    answer = plain.driver.read("a", start=start, end=end, if_match=None)
    assert answer.info.size == 10
    answer.close()
    answer.close()


def test_an_open_object_stays_one_version(store: Store) -> None:
    old = store.put("a", b"old" * 1000, metadata={"n": "1"})
    answer = store.driver.read("a", start=0, end=None, if_match=old.revision)
    begun = answer.read(10)
    store.put("a", b"new" * 1000)
    assert begun + answer.read(1 << 20) == b"old" * 1000
    assert answer.info == old
    answer.close()
    with pytest.raises(PreconditionFailed):
        store.get("a", if_match=old.revision)


def test_an_answer_that_is_forgotten_gives_its_descriptor_back(plain: Store) -> None:
    plain.put("a")
    before = os.dup(0)
    os.close(before)
    for _ in range(20):
        plain.driver.read("a", start=0, end=None, if_match=None)
    with pytest.raises(NotFound):
        plain.get("missing")
    after = os.dup(0)
    os.close(after)
    assert after == before


@pytest.mark.parametrize(
    "key", ["missing", "a/b", "a/b/c", "folder", "folder/", "/a", "a//b", ".."]
)
def test_a_key_without_an_object_is_not_found(store: Store, key: str) -> None:
    store.put("a")
    store.put("folder/b")
    with pytest.raises(NotFound):
        store.stat(key)
    with pytest.raises(NotFound):
        store.get(key)
    assert not store.delete(key)
    assert store.keys() == ["a", "folder/b"]


def test_delete_removes_folders_that_are_empty_then(store: Store) -> None:
    for key in ("a/b/c/1", "a/b/c/2", "a/d"):
        store.put(key)
    assert not store.delete("a/b/c/1", "a/b/c/2", "a/b/c/2", "never/there")
    assert store.keys() == ["a/d"]
    assert not (store.root / "a/b").exists()
    assert store.leftovers() == []


def test_a_delete_that_fails_leaves_the_others_to_go(plain: Store) -> None:
    for key in ("a", "b", "c/d"):
        plain.put(key)
    (plain.root / "b").unlink()
    (plain.root / "b").symlink_to("a")
    errors = plain.delete("a", "b", "c/d")
    assert list(errors) == ["b"]
    assert plain.keys() == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a", "a/b"),
        ("a/b", "a"),
        ("a/b/c", "a"),
        ("a", "a/b/c"),
        (LONG, LONG + "/b"),
        (LONG + "/b", LONG),
        (LONG + "/b/" + LONG, LONG + "/b"),
    ],
)
def test_a_key_below_another_is_a_clear_error(store: Store, first: str, second: str) -> None:
    put = store.put(first, b"1")
    with pytest.raises(Unsupported, match="nested_keys"):
        store.put(second, b"2")
    with pytest.raises(Unsupported):
        store.upload(second, [b"2"])
    with pytest.raises(Unsupported):
        store.copy(first, second)
    assert list(store.objects()) == [put]
    assert store.leftovers() == []
    store.delete(first)
    store.put(second, b"2")
    assert store.keys() == [second]
    assert not store.driver.capabilities.nested_keys


def test_a_segment_and_a_longer_one_that_begins_with_it_are_apart(store: Store) -> None:
    for size in (199, 200, 201, 400, 401, 1000):
        store.put("x" * size, str(size).encode())
    assert [store.get("x" * size) for size in (200, 401)] == [b"200", b"401"]
    assert [len(key) for key in store.keys("x")] == [199, 200, 201, 400, 401, 1000]


def test_empty_folders_are_no_objects(plain: Store) -> None:
    (plain.root / "a/b/c").mkdir(parents=True)
    assert plain.keys() == []
    plain.put("a", b"1")
    assert plain.get("a") == b"1"


@pytest.mark.parametrize(
    "key",
    [
        "a" * 1024,
        "é" * 512,
        "/".join("a" * 512),
        "%" * 1024,
        "\U0001f600" * 256,
        "/".join(["x" * 250] * 4),
        ("%" * 67 + "/") * 15 + "a",
        "con/NUL/aux.txt/lpt9",
        "a b /c.d./ e",
        'q?<>|"*:',
        "%portable/locks/00",
    ],
)
def test_every_valid_key_round_trips(store: Store, key: str) -> None:
    put = store.put(key, key.encode())
    assert store.get(key) == key.encode()
    assert list(store.objects()) == [put]
    assert [entry for entry in store.entries() if entry in (put, key.split("/")[0] + "/")]
    assert not store.delete(key)
    assert store.files() == []


def test_a_copy_has_the_content_and_attributes_and_a_new_revision(store: Store) -> None:
    body = os.urandom(3_000_000)
    source = store.put("a", body, content_type="x/y", metadata={"n": "1"})
    copied = store.copy("a", "b/c")
    assert copied is not None
    assert store.get("b/c") == body
    assert store.stat("b/c") == copied
    assert (copied.content_type, copied.metadata) == ("x/y", {"n": "1"})
    assert copied.crc32 == source.crc32
    assert copied.revision != source.revision


def test_a_copy_reaches_into_another_folder(make: Make) -> None:
    here, there = make("here"), make("there")
    source = here.put("a", b"1")
    copied = there.driver.copy(source, "b", origin=here.driver)
    assert copied is not None
    assert there.get("b") == b"1"


def test_a_copy_works_where_the_kernel_can_not_do_it(
    plain: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "copy_file_range", raising=False)
    plain.put("a", b"12345" * 1_000_000)
    plain.copy("a", "b")
    assert plain.get("b") == b"12345" * 1_000_000


def test_a_copy_of_another_revision_is_refused(store: Store) -> None:
    old = store.put("a", b"1")
    store.put("a", b"2")
    with pytest.raises(ObjectChanged):
        store.driver.copy(old, "b", origin=store.driver)
    assert store.files() == ["a"]


def test_a_copy_of_a_damaged_file_is_refused(store: Store) -> None:
    put = store.put("a", b"good")
    damage(store.root / "a", b"evil")
    assert store.stat("a") == put
    with pytest.raises(IntegrityError):
        store.copy("a", "b")
    assert store.files() == ["a"]
    assert store.leftovers() == []


def test_a_damaged_file_keeps_its_checksum_so_that_readers_see_it(store: Store) -> None:
    put = store.put("a", b"good")
    damage(store.root / "a", b"evil")
    answer = store.driver.read("a", start=0, end=None, if_match=None)
    with contextlib.closing(answer):
        assert zlib.crc32(answer.read(100)) != answer.info.crc32 == put.crc32


def test_another_adapter_has_to_stream(plain: Store) -> None:
    put = plain.put("a")
    assert plain.driver.copy(put, "b", origin=object()) is None  # type: ignore[arg-type]


def test_signing_is_refused(plain: Store) -> None:
    with pytest.raises(Unsupported):
        plain.driver.sign(
            "a", method="GET", expires=timedelta(1), content_type=None, if_absent=False
        )
    assert plain.driver.capabilities.sign_max is None


def test_files_have_the_permissions_of_any_new_file(store: Store) -> None:
    old = os.umask(0o027)
    try:
        store.put("a/b")
    finally:
        os.umask(old)
    assert (store.root / "a/b").stat().st_mode & 0o777 == 0o640
    assert (store.root / "a").stat().st_mode & 0o777 == 0o750


def test_the_folder_is_found_again_after_the_working_directory_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store(Path("here"))
    store.put("a")
    monkeypatch.chdir("/")
    assert store.keys() == ["a"]


def test_a_full_put_is_readable_too(make: Make) -> None:
    store = make(durability="full")
    store.put("a/b/c", b"1")
    store.put("a/b/c", b"2")
    store.upload("a/d", [b"3", b"4"])
    store.copy("a/d", "e/f")
    store.delete("a/b/c")
    assert store.keys() == ["a/d", "e/f"]
    assert store.leftovers() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give permissions up")
def test_what_may_not_be_read_is_denied_and_still_listed(open_folder: Path) -> None:
    plain = Store(open_folder)
    plain.put("open")
    plain.put("secret")
    (plain.root / "secret").chmod(0)

    def work() -> None:
        os.setuid(65534)
        assert plain.keys() == ["open", "secret"]
        assert plain.get("open") == b"x"
        for call in (plain.get, plain.stat, plain.put):
            with pytest.raises(PermissionDenied):
                call("secret")
        assert isinstance(plain.delete("secret")["secret"], PermissionDenied)

    joined([forked(work)])


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users can read; pytest's own is private."""
    with tempfile.TemporaryDirectory() as path:
        Path(path).chmod(0o755)
        yield Path(path)


def damage(path: Path, content: bytes) -> None:
    """Change a file's bytes as a failing disk does."""
    status = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
