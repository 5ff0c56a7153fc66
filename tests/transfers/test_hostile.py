"""Keys and files that mean harm, or that can't be."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

import portable
import portable_memory.storage
from portable.errors import AlreadyExists, InvalidKey, PreconditionFailed
from portable.storage import Bucket
from portable.storage.driver import WriteOptions
from portable.transfers.file_names import check_name
from portable.transfers.landing import Landing
from portable.transfers.walk import PARTIAL, Walk
from tests.transfers.conftest import Fill, files_of, objects_of, write_files

HOSTILE = [
    "../escaped",
    "a/../../escaped",
    "/etc/escaped",
    "//escaped",
    "..",
    ".",
    "a/./b",
    "a//b",
    "a\\..\\b",
    "..\\escaped",
    "line\nbreak",
    "x" * 300,
    f"{PARTIAL}/x",
    "a/" * 254 + "x",
]


@pytest.fixture
def foreign() -> Bucket:
    """A bucket that another tool wrote: any key."""
    bucket = portable.open_bucket("memory://foreign")
    bucket.put("good", b"good")
    objects = portable_memory.storage._stores["foreign"].objects
    info, body = objects["good"]
    for key in HOSTILE:
        objects[key] = (type(info)(key=key, size=4, revision="1", last_modified=info.last_modified,
                                   crc32=info.crc32), body)  # fmt: skip
    return bucket


def test_no_key_leads_out_of_the_folder(foreign: Bucket, tmp_path: Path) -> None:
    """Each is a failure of its own; what is good arrives."""
    before = {path for path in tmp_path.rglob("*") if "cache" not in path.parts}
    report = foreign.download("", tmp_path / "inner" / "down")
    assert {failure.name for failure in report.failures} == set(HOSTILE)
    assert (report.sent, report.failed) == (1, len(HOSTILE))
    after = {path for path in tmp_path.rglob("*") if "cache" not in path.parts}
    assert {path.relative_to(tmp_path).as_posix() for path in after - before} == {
        "inner", "inner/down", "inner/down/good",
    }  # fmt: skip
    assert not Path("/etc/escaped").exists()


@pytest.mark.parametrize("key", ["link/x", "file", "deep/link/x"])
def test_no_link_in_the_target_is_followed(tmp_path: Path, key: str) -> None:
    """Neither as a folder on the way nor as the file itself."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    down = tmp_path / "down"
    (down / "deep").mkdir(parents=True)
    (down / "link").symlink_to(outside)
    (down / "deep" / "link").symlink_to(outside)
    (down / "file").symlink_to(outside / "secret")
    bucket = portable.open_bucket("memory://transfers")
    bucket.put(key, b"evil")
    report = bucket.sync(bucket, down, delete=True)
    assert (report.sent, report.failed) == (0, 1)
    assert "link" in report.failures[0].reason
    assert files_of(outside) == {"secret": b"secret"}
    assert (down / "file").is_symlink()


def test_a_file_where_a_folder_is_needed_and_the_other_way(tmp_path: Path) -> None:
    """Each object fails alone; nothing that is there is lost."""
    bucket = portable.open_bucket("memory://transfers")
    for key in ("a", "a/b", "c", "d/e"):
        bucket.put(key, key.encode())
    down = tmp_path / "down"
    (down / "c").mkdir(parents=True)
    (down / "d").write_bytes(b"mine")
    report = bucket.download("", down)
    assert report.sent == 1
    assert {failure.name for failure in report.failures} >= {"c", "d/e"}
    assert report.failed == 3  # and one of a and a/b, whichever came second
    assert (down / "d").read_bytes() == b"mine"


def test_two_keys_that_are_one_name_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk that doesn't tell upper from lower case, the second is refused, not merged."""
    link = os.link

    def insensitive(source: str, target: str, **options: object) -> None:
        link(source, target.lower(), **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "link", insensitive)
    bucket = portable.open_bucket("memory://transfers")
    bucket.put("Readme", b"first")
    bucket.put("readme", b"second")
    report = bucket.download("", tmp_path / "down")
    assert (report.sent, report.failed) == (1, 1)
    assert "upper from lower case" in report.failures[0].reason
    assert list(files_of(tmp_path / "down").values()) in ([b"first"], [b"second"])


@pytest.mark.parametrize("name", ["con", "a/NUL.txt", "a:b", "dot.", "space ", "x/lpt1/y", "w?"])
def test_names_that_windows_cant_hold_are_refused_there(name: str) -> None:
    with pytest.raises(InvalidKey, match="Windows"):
        check_name(name, windows=True)
    check_name(name, windows=False)


def test_what_is_no_file_is_a_failure_with_its_reason(fill: Fill, tmp_path: Path) -> None:
    """Links, sockets, pipes, names that are no UTF-8 or no keys; the rest goes."""
    source = fill({"good": b"1", "back\\slash": b"2", "folder/x": b"3"})
    (source / "link").symlink_to("good")
    (source / "linked").symlink_to("folder")
    os.mkfifo(source / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        old = Path.cwd()
        os.chdir(source)
        server.bind("socket")
        os.chdir(old)
    Path(os.fsdecode(os.fsencode(source) + b"/bad\xff")).write_bytes(b"4")
    bucket = portable.open_bucket("memory://transfers")
    report = bucket.upload(source)
    assert objects_of(bucket) == {"good": b"1", "folder/x": b"3"}
    reasons = {failure.name: failure.reason for failure in report.failures}
    assert reasons.keys() == {"back\\slash", "link", "linked", "pipe", "socket", "bad\\xff"}
    assert "symbolic link" in reasons["link"]
    assert "symbolic link" in reasons["linked"]
    assert "a pipe" in reasons["pipe"]
    assert "a socket" in reasons["socket"]
    assert "UTF-8" in reasons["bad\\xff"]
    assert "backslash" in reasons["back\\slash"]
    with pytest.raises(portable.PortableError):
        report.raise_for_failures()


def test_a_file_that_is_written_to_while_it_is_sent(
    fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is a failure, and nothing of it is published."""
    source = fill({"growing": bytes(20 * 1024**2), "still": b"1"})
    bucket = portable.open_bucket("memory://transfers")
    driver = bucket._connection.driver
    begin = driver.begin

    def meddling(key: str, write: WriteOptions) -> str:
        with (source / "growing").open("ab") as file:
            file.write(b"more")
        return begin(key, write)

    monkeypatch.setattr(driver, "begin", meddling)
    report = bucket.upload(source)
    assert (report.sent, report.failed) == (1, 1)
    assert "while it was being stored" in report.failures[0].reason
    assert objects_of(bucket) == {"still": b"1"}


def test_a_folder_marker_of_another_tool_is_no_object(tmp_path: Path) -> None:
    """Empty, with a slash at its end: neither sent nor deleted."""
    bucket = portable.open_bucket("memory://transfers")
    bucket.put("data/x", b"1")
    objects = portable_memory.storage._stores["transfers"].objects
    info, _ = objects["data/x"]
    for key in ("data/", "data/sub/"):
        objects[key] = (type(info)(key=key, size=0, revision="1",
                                   last_modified=info.last_modified), b"")  # fmt: skip
    assert bucket.download("data", tmp_path / "down").ok
    report = bucket.sync(tmp_path / "down", "data", delete=True)
    assert (report.skipped, report.deleted) == (1, 0)
    assert "data/sub/" in objects


def test_what_came_since_the_listing_is_kept(tmp_path: Path) -> None:
    """A file that was edited isn't removed, a link that took its place isn't written over."""
    folder = write_files(tmp_path / "down", {"sub/file": b"old", "linked": b"old"})
    listed = {item.name: item.token for item in Walk(str(folder))}
    landing = Landing(str(folder), durable=True)
    (folder / "sub/file").write_bytes(b"new")
    with pytest.raises(PreconditionFailed, match="changed meanwhile"):
        landing.remove("sub/file", listed["sub/file"])
    (folder / "linked").unlink()
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AlreadyExists, match="link"), landing.arriving("linked", listed["linked"]):
        pass
    assert files_of(folder) == {"sub/file": b"new"}
    assert (folder / "linked").is_symlink()
    landing.remove("sub/file", next(i.token for i in Walk(str(folder)) if i.name == "sub/file"))
    assert not (folder / "sub").exists()
    landing.remove("sub/file", "gone already")
