"""What a sync decides, and what it never does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import portable
import portable_memory.storage
from portable.errors import InvalidArgument, InvalidType, NotFound, Unavailable, Unsupported
from portable.storage import Bucket
from portable.storage.driver import Page
from portable.transfers import routes
from portable.transfers.contents import known
from portable.transfers.globs import Globs
from portable.transfers.walk import file_token
from portable_memory.storage import MemoryStorage
from tests.transfers.conftest import Fill, files_of, objects_of, write_files

FILES = {"a": b"1", "a-b": b"22", "a.d/x": b"333", "z/deep/er/y": b"", "é": b"5"}


def test_a_folder_goes_up_and_comes_back(bucket: Bucket, fill: Fill, tmp_path: Path) -> None:
    """Below the prefix, and nothing is sent twice."""
    source = fill(FILES)
    first = bucket.upload(source, "data")
    assert (first.sent, first.skipped, first.failed) == (5, 0, 0)
    assert first.bytes == sum(map(len, FILES.values()))
    assert objects_of(bucket) == {f"data/{name}": body for name, body in FILES.items()}
    assert bucket.upload(source, "data/").skipped == 5
    down = tmp_path / "down"
    assert bucket.download("data", down).sent == 5
    assert files_of(down) == FILES
    again = bucket.download("data", down)
    assert (again.sent, again.skipped) == (0, 5)
    assert not (down / ".portable-partial").exists()


def test_between_buckets(bucket: Bucket, tmp_path: Path) -> None:
    """Of one provider on the server, of two through here; content type and metadata along."""
    bucket.put("a/x", b"1", content_type="x/y", metadata={"n": "1"})
    bucket.put("a/y", b"2")
    bucket.put("ab", b"3")
    for target in (portable.open_bucket("memory://other"),
                   portable.open_bucket((tmp_path / "other").as_uri())):  # fmt: skip
        report = bucket.sync("a", target)
        assert (report.sent, report.bytes) == (2, 2)
        assert objects_of(target) == {"x": b"1", "y": b"2"}
        info = target.stat("x")
        assert (info.content_type, info.metadata) == ("x/y", {"n": "1"})
        assert bucket.sync("a/", target).skipped == 2
    assert bucket.sync("a", "copy").sent == 2
    assert bucket.get("copy/y") == b"2"


def test_an_edit_of_the_same_size_is_seen(bucket: Bucket, fill: Fill, tmp_path: Path) -> None:
    """Up and down, also where the dates are the other way round or the same."""
    source = fill({"x": b"old"})
    bucket.upload(source)
    before = (source / "x").stat()
    (source / "x").write_bytes(b"new")
    os.utime(source / "x", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert bucket.upload(source).sent == 1
    assert bucket.get("x") == b"new"
    down = tmp_path / "down"
    bucket.download("", down)
    before = (down / "x").stat()
    bucket.put("x", b"NEW")
    os.utime(down / "x", (2**31, 2**31))
    assert bucket.download("", down).sent == 1
    assert files_of(down) == {"x": b"NEW"}


def test_the_size_alone_where_that_is_asked_for(bucket: Bucket, fill: Fill) -> None:
    bucket.put("x", b"old")
    report = bucket.sync(fill({"x": b"new", "y": b"1"}), "", compare="size")
    assert (report.sent, report.skipped) == (1, 1)


def test_a_touched_file_isnt_sent(bucket: Bucket, fill: Fill) -> None:
    """Another date, the same bytes."""
    source = fill({"x": b"1"})
    bucket.upload(source)
    os.utime(source / "x", (0, 0))
    assert bucket.upload(source).skipped == 1


def test_delete_removes_what_only_the_target_has(
    bucket: Bucket, fill: Fill, tmp_path: Path
) -> None:
    """In a bucket and in a folder, with the folders that are empty then; only if asked."""
    source = fill({"keep": b"1", "sub/keep": b"2"})
    for key in ("data/keep", "data/gone", "data/old/gone", "database"):
        bucket.put(key, b"1")
    assert bucket.sync(source, "data").deleted == 0
    dry = bucket.sync(source, "data", delete=True, dry_run=True)
    assert (dry.deleted, bucket.exists("data/gone")) == (2, True)
    assert [(change.action, change.name) for change in dry.changes] == [
        ("delete", "gone"), ("delete", "old/gone"),
    ]  # fmt: skip
    assert bucket.sync(source, "data", delete=True).deleted == 2
    assert set(objects_of(bucket)) == {"data/keep", "data/sub/keep", "database"}
    down = write_files(tmp_path / "down", {"x/y/z": b"1", "x/k": b"1", "keep": b"1"})
    (down / "x" / "link").symlink_to("k")
    assert bucket.sync("data", down, delete=True).deleted == 2
    assert files_of(down) == {"keep": b"1", "sub/keep": b"2"}
    assert (down / "x" / "link").is_symlink()  # what a sync wouldn't make it doesn't remove
    assert not (down / "x" / "y").exists()


@pytest.mark.parametrize("missing", [True, False])
def test_an_empty_or_missing_source_is_an_error(
    bucket: Bucket, source: Path, tmp_path: Path, missing: bool
) -> None:
    """Unless it is said, and then only for one that is there."""
    bucket.put("data/x", b"1")
    if missing:
        source.rmdir()
    for place in (source, "nothing"):
        with pytest.raises(NotFound):
            bucket.sync(place, "data", delete=True)
    with pytest.raises(NotFound, match="takes part"):
        bucket.sync("data", tmp_path / "down", include=["*.pt"], delete=True)
    assert bucket.exists("data/x")
    if missing:
        with pytest.raises(NotFound, match="no local folder"):
            bucket.sync(source, "data", delete=True, allow_empty=True)
    else:
        assert bucket.sync(source, "data", delete=True, allow_empty=True).deleted == 1


def test_nothing_is_deleted_when_a_folder_cant_be_read(
    bucket: Bucket, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files may be there: the report says what failed, and the rest is sent."""
    source = fill({"a": b"1", "locked/x": b"2"})
    bucket.put("locked/x", b"2")
    bucket.put("gone", b"3")
    scandir = os.scandir

    def refusing(path: Any) -> Any:
        if isinstance(path, bytes) and path.endswith(b"locked/"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    report = bucket.sync(source, "", delete=True)
    assert (report.sent, report.deleted, report.failed) == (1, 0, 1)
    assert report.failures[0].name == "locked/"
    assert set(objects_of(bucket)) == {"a", "gone", "locked/x"}


def test_nothing_is_deleted_when_a_file_goes_away_while_it_is_listed(
    bucket: Bucket, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever moves files about may be at more of them."""
    source = fill({"a": b"1", "moved": b"2"})
    bucket.put("moved", b"2")
    bucket.put("gone", b"3")
    lstat = os.lstat

    def late(path: Any, **options: Any) -> os.stat_result:
        if isinstance(path, bytes) and path.endswith(b"/moved"):
            raise FileNotFoundError(2, "No such file", path)
        return lstat(path, **options)

    monkeypatch.setattr(os, "lstat", late)
    report = bucket.sync(source, "", delete=True)
    assert (report.sent, report.deleted, report.failed) == (1, 0, 1)
    assert set(objects_of(bucket)) == {"a", "gone", "moved"}


def test_a_file_of_this_moment_isnt_remembered(source: Path) -> None:
    """Its next edit may look the same."""
    (source / "x").write_bytes(b"1")
    status = (source / "x").lstat()
    token, now = file_token(status), status.st_ctime_ns
    assert routes._settled(status, token, now + routes.SETTLED_NS) == ""
    assert routes._settled(status, token, now + routes.SETTLED_NS + 1) == token
    assert routes._settled(status, "another", now + 2 * routes.SETTLED_NS) == ""


def test_nothing_is_deleted_when_the_listing_of_the_source_fails(
    fill: Fill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its middle: the error is raised."""
    bucket = portable.open_bucket("memory://transfers?attempts=1")
    for number in range(1500):
        bucket.put(f"{number:04}", b"1")
    down = write_files(tmp_path / "down", {"only here": b"1"})
    listed = MemoryStorage.list

    def failing(self: MemoryStorage, prefix: str, **options: Any) -> Page:
        if options["token"]:
            raise Unavailable("the second page")
        return listed(self, prefix, **options)

    monkeypatch.setattr(MemoryStorage, "list", failing)
    with pytest.raises(Unavailable, match="second page"):
        bucket.sync("", down, delete=True)
    assert (down / "only here").exists()


def test_what_was_replaced_since_it_was_listed_isnt_deleted(
    fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = portable.open_bucket("memory://transfers")
    bucket.put("gone", b"old")
    delete = MemoryStorage.delete

    def late(self: MemoryStorage, keys: Any, **options: Any) -> Any:
        monkeypatch.setattr(MemoryStorage, "delete", delete)
        bucket.put("gone", b"new")
        return delete(self, keys, **options)

    monkeypatch.setattr(MemoryStorage, "delete", late)
    report = bucket.sync(fill({"a": b"1"}), "", delete=True)
    assert (report.deleted, report.failed) == (0, 1)
    assert "replaced meanwhile" in report.failures[0].reason
    assert bucket.get("gone") == b"new"


def test_a_listing_out_of_order_ends_a_sync_before_anything_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As SeaweedFS lists: the folder a/ before a-b. Sorted on disk it is as any other."""
    bucket = portable.open_bucket("memory://transfers")
    for key in ("a/x", "a/y", "a-b", "a.c", "b"):
        bucket.put(key, key.encode())
    down = write_files(tmp_path / "down", {"a/y": b"a/y", "extra": b"1"})
    listed = MemoryStorage.list

    def by_folder(self: MemoryStorage, prefix: str, **options: Any) -> Page:
        page = listed(self, prefix, **options)
        objects = sorted(page.objects, key=lambda each: each.key.split("/"))
        return Page(objects, page.prefixes, page.token)

    monkeypatch.setattr(MemoryStorage, "list", by_folder)
    with pytest.raises(Unsupported, match="isn't in the order"):
        bucket.sync("", down, delete=True)
    assert (down / "extra").exists()
    report = bucket.sync("", down, delete=True, sort=True)
    assert (report.failed, report.deleted) == (0, 1)
    assert set(files_of(down)) == {"a/x", "a/y", "a-b", "a.c", "b"}


def test_include_and_exclude(bucket: Bucket, fill: Fill) -> None:
    """Of both sides: what is excluded is neither sent nor deleted."""
    source = fill({"a.pt": b"1", "x/b.pt": b"2", "x/b.log": b"3", "x/tmp/c.pt": b"4"})
    bucket.put("old.log", b"5")
    bucket.put("old.pt", b"6")
    report = bucket.sync(source, "", include=["*.pt"], exclude=["*/tmp/*"], delete=True)
    assert (report.sent, report.deleted) == (2, 1)
    assert set(objects_of(bucket)) == {"a.pt", "x/b.pt", "old.log"}
    with pytest.raises(InvalidType):
        bucket.sync(source, "", include="*.pt")


@pytest.mark.parametrize(
    ("pattern", "name", "taken"),
    [
        ("*.pt", "deep/er/x.pt", True),
        ("*.pt", "x.PT", False),
        ("x", "a/x", False),
        ("a/?", "a/x", True),
        ("a/[xy]", "a/z", False),
        ("a/*", "a/b/c", True),
        ("a.*", "a\nb", False),
    ],
)
def test_a_pattern_is_for_the_whole_name(pattern: str, name: str, taken: bool) -> None:
    assert Globs(include=[pattern]).takes(name) is taken
    assert Globs(exclude=[pattern]).takes(name) is not taken


def test_places_that_cant_be_meant(bucket: Bucket, fill: Fill, tmp_path: Path) -> None:
    """Refused before anything is sent."""
    source = fill(FILES)
    bucket.put("a/b", b"1")
    inner = portable.open_bucket(f"{bucket.url}?prefix=a/inner")
    same_disk = portable.open_bucket(f"{source.as_uri()}/z")
    for one, other in (("a", "a/b"), ("a/b", "a"), ("", "a"), (bucket, "x"), (bucket, inner),
                       (inner, "a"), (source, tmp_path), (source, same_disk)):  # fmt: skip
        with pytest.raises(InvalidArgument, match=r"overlap|both are folders"):
            bucket.sync(one, other)
    with pytest.raises(InvalidArgument, match="not a folder"):
        bucket.upload(source / "a")
    with pytest.raises(InvalidArgument, match="not a folder"):
        bucket.download("a", source / "a")
    with pytest.raises(InvalidType):
        bucket.sync(3, "a")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="'ray'"):
        bucket.sync("a", source, on="spark")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="compare"):
        bucket.sync("a", source, compare="mtime")  # type: ignore[arg-type]
    assert bucket.sync("a", "ab").sent == 1


def test_places_that_overlap_by_a_link(fill: Fill, tmp_path: Path) -> None:
    """A bucket of files may have two names; what is sent into itself would be sent again."""
    source = fill({"a": b"1", "b/c": b"2"})
    (tmp_path / "link").symlink_to(source)
    one, other = (portable.open_bucket(each.as_uri()) for each in (source, tmp_path / "link"))
    for begin, end in ((source, "x"), ("", source / "y"), (one, ""), ("b", one)):
        with pytest.raises(InvalidArgument, match="overlap"):
            other.sync(begin, end)
    assert files_of(source) == {"a": b"1", "b/c": b"2"}


def test_one_failure_doesnt_stop_the_rest(fill: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = portable.open_bucket("memory://transfers?attempts=1")
    put = MemoryStorage.put

    def failing(self: MemoryStorage, key: str, *rest: Any) -> Any:
        if key == "x/5":
            raise Unavailable("just this one")
        return put(self, key, *rest)

    monkeypatch.setattr(MemoryStorage, "put", failing)
    report = bucket.upload(fill({f"x/{n}": b"%d" % n for n in range(10)}))
    assert (report.sent, report.failed, report.ok) == (9, 1, False)
    assert (report.failures[0].name, report.failures[0].reason) == ("x/5", "just this one")
    with pytest.raises(Unavailable):
        report.raise_for_failures()


def test_progress_and_a_callback_that_raises(bucket: Bucket, fill: Fill) -> None:
    """The last call has the whole report; what a callback raises ends the sync."""
    source = fill({f"{n}": b"1" for n in range(20)})
    told: list[portable.storage.TransferReport] = []
    report = bucket.sync(source, "a", progress=told.append)
    assert told[-1] == report

    def angry(_: object) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        bucket.sync(source, "b", progress=angry)


@pytest.mark.xdist_group("transfers")
def test_what_is_known_equal_isnt_compared_again(
    s3_url: str, fill: Fill, tmp_path: Path, settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a server whose listing tells no checksum: no request for each object, up and down."""
    bucket = portable.open_bucket(s3_url)
    source = fill({f"{n}": b"%d" % n for n in range(5)})
    bucket.upload(source)
    bucket.download("", tmp_path / "down")
    asked: list[str] = []

    def counted(shelf: Any, item: Any) -> Any:
        asked.append(item.name)
        return known(shelf, item)

    monkeypatch.setattr("portable.transfers.routes.known", counted)
    assert bucket.upload(source).skipped == 5
    assert bucket.download("", tmp_path / "down").skipped == 5
    assert asked == []
    (source / "3").write_bytes(b"x")
    (tmp_path / "down" / "2").touch()
    assert bucket.upload(source).sent == 1
    assert bucket.download("", tmp_path / "down").sent == 1
    assert asked == ["3", "2", "3"]
    monkeypatch.setenv("PORTABLE_CACHE", str(tmp_path / "lost"))
    assert bucket.upload(source).skipped == 5
    assert len(asked) == 8


@pytest.mark.xdist_group("transfers")
def test_a_cache_that_cant_be_used_is_done_without(
    s3_url: str, fill: Fill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damaged, or no folder."""
    bucket = portable.open_bucket(s3_url)
    source = fill({"x": b"1"})
    bucket.upload(source)
    (database,) = (tmp_path / "cache").rglob("*.sqlite")
    database.write_bytes(b"no database" * 1000)
    assert bucket.upload(source).skipped == 1
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("PORTABLE_CACHE", str(tmp_path / "file"))
    assert bucket.upload(source).skipped == 1


NAMES = st.lists(
    st.sampled_from(["a", "b", "a-", "a.", "a0", "é", "~"]), min_size=1, max_size=3
).map("/".join)
TREES = st.dictionaries(NAMES, st.sampled_from([b"", b"1", b"2", b"22"]), max_size=8)


def without_conflicts(tree: dict[str, bytes]) -> dict[str, bytes]:
    """A name that is a folder of another can't be a file, too."""
    return {
        name: body
        for name, body in tree.items()
        if not any(other.startswith(f"{name}/") for other in tree)
    }


@settings(max_examples=60, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(source=TREES.map(without_conflicts), target=TREES, delete=st.booleans(), up=st.booleans(),
       hidden=st.sampled_from([(), ("a*",), ("*/a*",)]))  # fmt: skip
def test_a_sync_does_what_the_model_does(
    tmp_path_factory: pytest.TempPathFactory,
    source: dict[str, bytes],
    target: dict[str, bytes],
    delete: bool,
    up: bool,
    hidden: tuple[str, ...],
) -> None:
    """Up and down, whatever is on either side."""
    takes = Globs(exclude=hidden).takes
    chosen = {name for name in source if takes(name)}
    kept = {name for name in target if not (delete and takes(name))}
    expected = {n: target[n] for n in kept} | {n: source[n] for n in chosen}
    portable_memory.storage._stores.clear()
    bucket = portable.open_bucket("memory://model")
    folder = tmp_path_factory.mktemp("model")
    options = {"delete": delete, "exclude": hidden, "allow_empty": True}
    if up:
        write_files(folder, source)
        for name, body in target.items():
            bucket.put(f"x/{name}", body)
        report = bucket.sync(folder, "x", **options)  # type: ignore[arg-type]
        found = {key.removeprefix("x/"): body for key, body in objects_of(bucket, "x/").items()}
    else:
        target = without_conflicts(target)
        expected = {n: body for n, body in expected.items() if n in target or n in chosen}
        for name, body in source.items():
            bucket.put(f"x/{name}", body)
        write_files(folder, target)
        report = bucket.sync("x", folder, **options)  # type: ignore[arg-type]
        found = files_of(folder)
        if any(a.startswith(f"{b}/") for a in expected for b in expected):
            assert report.failed  # a file where a folder is needed
            return
        if report.failed:  # the same, with one that was to be deleted after
            names = [*source, *target]
            assert any(a.startswith(f"{b}/") for a in names for b in names)
            return
    assert found == expected
    same = [name for name in chosen if target.get(name) == source[name]]
    assert (report.sent, report.skipped) == (len(chosen) - len(same), len(same))
    assert report.deleted == len(target) - len(set(target) & (kept | chosen))
