"""What the file system says and does, where fsspec leaves it open or others differ."""

from __future__ import annotations

import errno
import os
import pickle
import threading
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

import portable
from portable.errors import (
    BucketNotFound,
    ConfigError,
    InvalidArgument,
    InvalidKey,
    NotFound,
    PermissionDenied,
    PortableError,
    Unsupported,
)
from tests.ecosystem.conftest import Home, needed
from tests.test_architecture import PROJECT, modules_after

needed("fsspec")

import fsspec

from portable.integrations.fsspec import PortableFileSystem

WRITTEN = {"portable": "portable.integrations.fsspec:PortableFileSystem"}


@pytest.fixture
def filled(home: Home) -> Home:
    """``pre/x`` and ``prefix``, and some more."""
    home.fs.pipe({home.key(name): b"0123456789" for name in ("pre/x", "prefix", "a/b/c", "a/d")})
    return home


def below(home: Home, paths: Any) -> list[str]:
    return [path.removeprefix(f"{home.path}/") for path in paths]


class TestRegistration:
    """fsspec finds it, and nothing else of `portable` needs fsspec."""

    def test_the_entry_point_is_the_one_that_is_written(self) -> None:
        written = PROJECT["project"]["entry-points"].get("fsspec.specs")
        if written is None:
            pytest.skip("pyproject.toml has no entry point of group fsspec.specs yet")
        assert written == WRITTEN
        (point,) = entry_points(group="fsspec.specs", name="portable")
        assert point.value == WRITTEN["portable"], "run `make test` again"
        assert point.load() is PortableFileSystem

    def test_portable_imports_no_fsspec(self) -> None:
        loaded = modules_after("import portable; portable.storage.Bucket; portable.open_bucket")
        assert "fsspec" not in loaded
        assert not any(name.startswith("portable.integrations") for name in loaded)


class TestPaths:
    """A path is a key as it is."""

    def test_a_url_and_its_path_are_the_same(self, filled: Home) -> None:
        for path in (filled.key("pre/x"), f"{filled.url}/pre/x"):
            assert filled.fs.cat(path) == b"0123456789"
        assert filled.fs.unstrip_protocol(filled.key("pre/x")) == f"{filled.url}/pre/x"

    @pytest.mark.parametrize("name", ["100%", "a%20b", "a b", "ä/☃", "a=1/b", "a+b"])
    def test_nothing_is_decoded(self, home: Home, name: str) -> None:
        """Libraries put ``portable://`` in front of names that they were given."""
        home.fs.pipe(f"{home.url}/{name}", b"data")
        assert home.bucket.exists(home.key(name))
        (found,) = home.fs.find(home.path)
        assert home.fs.cat(f"portable://{found}") == home.fs.cat(found) == b"data"

    def test_a_slash_in_front_is_not_stripped(self, home: Home) -> None:
        with pytest.raises(InvalidKey):
            home.fs.pipe(f"/{home.key('a')}", b"data")

    def test_a_named_bucket_of_the_profile(self, tmp_path: Path) -> None:
        """As on the command line."""
        (tmp_path / "portable.toml").write_text(
            f'[here]\nstorage = "file://{tmp_path}/own"\nbuckets.data = "file://{tmp_path}/data"\n'
        )
        portable.configure(profile="here", file=tmp_path / "portable.toml")
        try:
            fs = PortableFileSystem()
            fs.pipe({"a": b"own", "@data/a": b"data", "@data/b/c": b"data"})
            assert fs.cat("portable://@data/a") == b"data"
            assert fs.cat("portable://a") == b"own"
            assert fs.find("") == ["a"]
            assert fs.find("@data") == ["@data/a", "@data/b/c"]
            assert fs.ls("@data", detail=False) == ["@data/a", "@data/b"]
            assert fs.glob("@data/**/c") == ["@data/b/c"]
            fs.mv("@data/b", "moved", recursive=True)
            assert fs.cat("moved/c") == b"data"
            assert not fs.exists("@data/b")
            with pytest.raises(InvalidArgument, match="names no bucket"):
                fs.cat("portable://@/a")
            with pytest.raises(ConfigError, match="datum"):
                fs.exists("@datum/a")
        finally:
            portable.configure()

    def test_the_profile_is_the_active_one_at_each_call(self, tmp_path: Path) -> None:
        fs = PortableFileSystem()
        for name in ("one", "two"):
            portable.configure(storage=f"file://{tmp_path}/{name}")
            fs.pipe("a", name.encode())
            assert fs.cat("a") == name.encode()
        portable.configure()

    def test_threads_see_the_profile_of_their_caller(self, tmp_path: Path) -> None:
        """Several objects are read side by side."""
        (tmp_path / "portable.toml").write_text(
            "".join(f'[{name}]\nstorage = "file://{tmp_path}/{name}"\n' for name in ("one", "two"))
        )
        portable.configure(profile="one", file=tmp_path / "portable.toml")
        fs = PortableFileSystem()
        for name in ("one", "two"):
            with portable.profile(name):
                fs.pipe({"a": name.encode(), "b": name.encode()})
        with portable.profile("two"):
            assert fs.cat_ranges(["a", "b"], 0, 9) == [b"two", b"two"]
        portable.configure()

    def test_a_bucket_by_url_name_or_itself(self, tmp_path: Path) -> None:
        url = f"file://{tmp_path}"
        portable.open_bucket(url).put("@a", b"data")
        for bucket in (url, portable.open_bucket(url)):
            assert PortableFileSystem(bucket=bucket).cat("@a") == b"data"
        with fsspec.open("portable://@a", bucket=url) as file:
            assert file.read() == b"data"

    def test_an_unknown_option_is_refused(self) -> None:
        with pytest.raises(InvalidArgument, match=r"'bukcet' \(did you mean 'bucket'"):
            PortableFileSystem(bukcet="file:///data")


class TestLooking:
    """Listing and describing."""

    def test_a_directory_is_not_a_plain_prefix(self, filled: Home) -> None:
        assert below(filled, filled.fs.ls(filled.key("pre"), detail=False)) == ["pre/x"]
        assert below(filled, filled.fs.find(filled.key("pre"))) == ["pre/x"]
        assert below(filled, filled.fs.glob(filled.key("pre*"))) == ["pre", "prefix"]

    def test_what_there_is(self, filled: Home) -> None:
        fs, key = filled.fs, filled.key
        assert below(filled, fs.ls(filled.path, detail=False)) == ["a", "pre", "prefix"]
        listed: Any = fs.ls(filled.url)
        assert [entry["type"] for entry in listed] == ["directory", "directory", "file"]
        assert below(filled, fs.find(filled.path)) == ["a/b/c", "a/d", "pre/x", "prefix"]
        assert below(filled, fs.find(filled.path, maxdepth=1)) == ["prefix"]
        assert below(filled, fs.find(key("a"), withdirs=True)) == ["a", "a/b", "a/b/c", "a/d"]
        assert fs.find(key("a"), withdirs=True, detail=True) == {
            name: fs.info(name) for name in fs.find(key("a"), withdirs=True)
        }
        assert [(below(filled, [top])[0], dirs, files) for top, dirs, files in fs.walk(key("a"))] == [
            ("a", ["b"], ["d"]), ("a/b", [], ["c"]),
        ]  # fmt: skip
        assert below(filled, fs.glob(key("**/c"))) == ["a/b/c"]
        assert fs.du(filled.path) == 40
        assert (fs.isfile(key("a")), fs.isdir(key("a")), fs.exists(key("a"))) == (False, True, True)
        assert (fs.isfile(key("prefix")), fs.isdir(key("prefix"))) == (True, False)
        assert fs.ls(key("prefix")) == [fs.info(key("prefix"))]
        assert fs.exists("")
        assert fs.info("")["type"] == "directory"
        assert fs.find(key("nothing")) == []

    def test_what_a_file_is(self, filled: Home) -> None:
        fs, path = filled.fs, filled.key("prefix")
        known, info = filled.bucket.stat(path), fs.info(path)
        assert (info["size"], info["type"], info["name"]) == (10, "file", path)
        assert info["mtime"] == fs.modified(path) == fs.created(path) == known.last_modified
        assert fs.ukey(path) == known.revision
        before = fs.checksum(path), info["ETag"]
        fs.pipe(path, b"another")
        assert fs.checksum(path) != before[0]
        assert fs.info(path)["ETag"] not in (before[1], None)

    def test_nothing_is_cached(self, home: Home) -> None:
        assert not home.fs.exists(home.key("a"))
        assert home.fs.find(home.path) == []
        home.bucket.put(home.key("a"), b"data")
        assert home.fs.exists(home.key("a"))
        home.bucket.delete(home.key("a"))
        assert home.fs.find(home.path) == []

    def test_mkdir_makes_nothing(self, filled: Home) -> None:
        fs, path = filled.fs, filled.key("new")
        fs.mkdir(path)
        fs.makedirs(f"{path}/more", exist_ok=True)
        assert not fs.exists(path)
        fs.rmdir(path)
        with pytest.raises(OSError, match="not empty") as caught:
            fs.rmdir(filled.key("a"))
        assert caught.value.errno == errno.ENOTEMPTY

    def test_sign(self, filled: Home) -> None:
        if filled.place == "local":
            with pytest.raises(Unsupported):
                filled.fs.sign(filled.key("prefix"))
        else:
            assert "X-Amz-Expires=7" in filled.fs.sign(filled.key("prefix"), expiration=7)


class TestReading:
    """Ranges are slices; files are seekable and are of one revision."""

    @pytest.mark.parametrize(
        ("start", "end"),
        [(2, 2), (2, 4), (None, 3), (8, 99), (10, 12), (99, 100), (-3, None), (-3, -1), (5, 2)],
    )
    def test_a_range_is_a_slice(self, filled: Home, start: int | None, end: int | None) -> None:
        """Elsewhere ``[2:2]`` is the whole object, and what is past the end an error."""
        expected = b"0123456789"[start:end]
        assert filled.fs.cat_file(filled.key("prefix"), start, end) == expected
        assert filled.fs.cat_ranges([filled.key("prefix")], start, end) == [expected]
        assert filled.fs.cat_ranges([filled.key("prefix")] * 2, start, end) == [expected] * 2

    def test_ranges_of_several_objects(self, filled: Home) -> None:
        fs, one, two, none = filled.fs, filled.key("prefix"), filled.key("a/d"), filled.key("none")
        assert fs.cat_ranges([one, two, one], [0, 1, 2], [1, 2, 3]) == [b"0", b"1", b"2"]
        found = fs.cat_ranges([one, none], [0, 0], [1, 1])
        assert found[0] == b"0"
        assert isinstance(found[1], FileNotFoundError)
        with pytest.raises(FileNotFoundError):
            fs.cat_ranges([one, none], [0, 0], [1, 1], on_error="raise")
        with pytest.raises(InvalidArgument):
            fs.cat_ranges([one, two], [0], [1])

    def test_a_file_of_one_revision(self, filled: Home) -> None:
        with filled.fs.open(filled.key("prefix")) as file:
            assert (file.size, file.seek(4), file.read(2), file.tell()) == (10, 4, b"45", 6)
            assert file.details["size"] == file.info()["size"] == 10
            file.seek(0, os.SEEK_END)
            assert file.read(1) == b""
        assert filled.fs.head(filled.key("prefix"), 2) == b"01"
        assert filled.fs.tail(filled.key("prefix"), 2) == b"89"
        assert filled.fs.read_block(filled.key("prefix"), 8, 10) == b"89"

    def test_a_few_columns_take_a_request_each(
        self, home: Home, requests: list[tuple[int, int | None]]
    ) -> None:
        """The footer, and each column of each row group; small ones share."""
        pandas, numpy = needed("pandas"), needed("numpy")
        rows = 200_000
        values = numpy.random.default_rng(7).random((rows, 4))
        frame = pandas.DataFrame(values, columns=["c0", "c1", "c2", "c3"])
        frame.to_parquet(f"{home.url}/t.parquet", row_group_size=rows // 2)
        requests.clear()
        found = pandas.read_parquet(f"{home.url}/t.parquet", columns=["c1", "c3"])
        assert (found["c1"] == frame["c1"]).all()
        assert len(requests) <= 1 + 2 * 2
        fetched = sum((end or 0) - start for start, end in requests)
        assert fetched < 0.6 * home.bucket.stat(home.key("t.parquet")).size

    def test_reading_on_takes_few_requests(
        self, home: Home, requests: list[tuple[int, int | None]]
    ) -> None:
        data = os.urandom(6 * 1024**2)
        home.fs.pipe(home.key("big"), data)
        requests.clear()
        with home.fs.open(home.key("big")) as file:
            assert b"".join(iter(lambda: file.read(200_000), b"")) == data
        assert len(requests) <= 5

    @pytest.fixture
    def requests(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int | None]]:
        """The ranges that the driver is asked for."""
        seen: list[tuple[int, int | None]] = []
        driver = type(home.bucket._connection.driver)
        read = driver.read

        def counted(self: Any, key: str, *, start: int, end: int | None, **rest: Any) -> Any:
            seen.append((start, end))
            return read(self, key, start=start, end=end, **rest)

        monkeypatch.setattr(driver, "read", counted)
        return seen


class TestMovingAndRemoving:
    """Whole directories, and nothing beside them."""

    def test_a_file_and_a_directory_move(self, filled: Home) -> None:
        fs, key = filled.fs, filled.key
        fs.mv(key("prefix"), key("file"))
        fs.mv(key("file"), key("a") + "/")
        fs.mv(key("a"), key("z"), recursive=True)
        fs.mv(key("pre"), key("z"), recursive=True)
        assert below(filled, fs.find(filled.path)) == ["z/b/c", "z/d", "z/file", "z/pre/x"]

    def test_what_cant_move(self, filled: Home) -> None:
        fs, key = filled.fs, filled.key
        with pytest.raises(IsADirectoryError):
            fs.mv(key("a"), key("z"))
        with pytest.raises(FileNotFoundError):
            fs.mv(key("none"), key("z"))
        with pytest.raises(FileNotFoundError):
            fs.mv(key("none"), key("z"), recursive=True)
        with pytest.raises(InvalidArgument, match="into itself"):
            fs.mv(key("a"), key("a/b"), recursive=True)
        fs.mv(key("a/d"), key("a/d"))
        assert len(fs.find(filled.path)) == 4

    def test_removing(self, filled: Home) -> None:
        fs, key = filled.fs, filled.key
        for remove in (fs.rm, fs.rm_file):
            with pytest.raises(IsADirectoryError):
                remove(key("a"))
            with pytest.raises(FileNotFoundError):
                remove(key("none"))
        with pytest.raises(FileNotFoundError):
            fs.rm(key("none"), recursive=True)
        for everything in ("", "/", "portable://"):
            with pytest.raises(InvalidArgument, match="every object"):
                fs.rm(everything, recursive=True)
        fs.rm(key("pre"), recursive=True)
        assert below(filled, fs.find(filled.path)) == ["a/b/c", "a/d", "prefix"]
        fs.rm([key("a"), key("prefix")], recursive=True)
        assert fs.find(filled.path) == []

    def test_a_glob_removes_what_it_matches(self, filled: Home) -> None:
        filled.fs.rm(filled.key("a/*"), recursive=True)
        assert below(filled, filled.fs.find(filled.path)) == ["pre/x", "prefix"]

    def test_copies_of_a_missing_object(self, filled: Home) -> None:
        with pytest.raises(FileNotFoundError):
            filled.fs.cp_file(filled.key("none"), filled.key("b"))

    def test_a_download_never_leaves_its_folder(self, home: Home, tmp_path: Path) -> None:
        """A foreign key may have any text."""
        if home.place == "local":
            pytest.skip("a folder holds no such key")
        raw = home.bucket.native
        raw.put_object(Bucket="ecosystem", Key=home.key("a/../../../evil"), Body=b"")
        with pytest.raises(ValueError, match=r"outside|out of the folder"):
            home.fs.get(home.path, str(tmp_path / "in/here"), recursive=True)
        with pytest.raises(InvalidKey, match="out of the folder"):
            home.fs.get_file(home.key("a/../../../evil"), str(tmp_path / "in/../../evil"))
        assert not list(tmp_path.rglob("evil"))

    def test_what_other_tools_leave(self, home: Home) -> None:
        """A marker makes an empty directory; ``//`` has no path of steps."""
        if home.place == "local":
            pytest.skip("a folder holds no such key")
        raw = home.bucket.native
        for name in ("d/", "e//f", "g/h"):
            raw.put_object(Bucket="ecosystem", Key=home.key(name), Body=b"")
        assert below(home, home.fs.ls(home.path, detail=False)) == ["d", "e", "g"]
        assert home.fs.ls(home.key("d")) == []
        assert home.fs.isdir(home.key("d"))
        assert below(home, home.fs.find(home.path)) == ["e//f", "g/h"]
        assert [len(files) for _, _, files in home.fs.walk(home.path)] == [0, 0, 0, 1]
        home.fs.rmdir(home.key("d"))
        assert not home.fs.exists(home.key("d"))


class TestErrors:
    """They are the operating system's, as far as it has them."""

    def test_a_missing_file(self, home: Home) -> None:
        fs, path = home.fs, home.key("none")
        for call in (fs.open, fs.info, fs.ls, fs.cat_file, fs.ukey, fs.modified, fs.rm_file):
            with pytest.raises(FileNotFoundError) as caught:
                call(path)
            assert isinstance(caught.value, NotFound)

    def test_no_appending_and_no_changing(self, filled: Home) -> None:
        for mode in ("ab", "a", "r+b", "rb+"):
            with pytest.raises(NotImplementedError):
                filled.fs.open(filled.key("prefix"), mode)

    def test_failures_are_not_absence(self, home: Home) -> None:
        """`exists` is False for what is missing, and for nothing else."""
        if home.place == "local":
            pytest.skip("for a server")
        missing = {name: home.settings[name] for name in ("region", "endpoint")}
        fs = PortableFileSystem(bucket=f"s3://no-such-bucket?{urlencode(missing)}")
        for call in (fs.exists, fs.isfile, fs.isdir, fs.info, fs.ls, fs.find):
            with pytest.raises(BucketNotFound):
                call("a")

    def test_a_denied_file(self, tmp_path: Path) -> None:
        if os.geteuid() == 0:
            pytest.skip("root may read anything")
        fs = PortableFileSystem(bucket=f"file://{tmp_path}")
        fs.pipe("a/b", b"data")
        (tmp_path / "a").chmod(0)
        with pytest.raises(PermissionError) as caught:
            fs.exists("a/b")
        assert isinstance(caught.value, PermissionDenied)


class TestProcesses:
    """It travels, and survives a fork."""

    def test_equal_where_the_same_bucket_is_meant(self, home: Home) -> None:
        made: list[Any] = []
        thread = threading.Thread(target=lambda: made.append(fsspec.filesystem("portable")))
        thread.start()
        thread.join()
        assert made[0] == home.fs == pickle.loads(pickle.dumps(home.fs))
        assert made[0].__dask_tokenize__() == home.fs.__dask_tokenize__()
        assert hash(made[0]) == hash(home.fs)
        own = PortableFileSystem(bucket=home.bucket)
        assert own == pickle.loads(pickle.dumps(own)) == PortableFileSystem(bucket=home.bucket)
        assert own != home.fs
        assert fsspec.AbstractFileSystem.from_json(home.fs.to_json()) == home.fs

    def test_buckets_of_one_url_on_two_servers_are_not_the_same(self) -> None:
        """fsspec would keep the first one for both."""
        pytest.importorskip("boto3")
        from portable.testing.targets.s3 import open_s3_bucket

        buckets = [open_s3_bucket("b", endpoint=f"http://127.0.0.1:{port}") for port in (1, 2)]
        one, two = (PortableFileSystem(bucket=bucket) for bucket in buckets)
        assert one._place("").bucket is buckets[0]
        assert two._place("").bucket is buckets[1]
        assert one != two
        wrapped = [fsspec.filesystem("dir", path="x", fs=fs) for fs in (one, two)]
        assert wrapped[0].fs is one
        assert wrapped[1].fs is two

    def test_a_forked_child_reads_and_writes(self, filled: Home) -> None:
        assert filled.fs.cat(filled.key("prefix"))
        child = os.fork()
        if child == 0:
            status = 1
            try:
                data = fsspec.filesystem("portable").cat(filled.key("prefix"))
                filled.fs.pipe(filled.key("child"), data)
                status = 0
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert filled.fs.cat(filled.key("child")) == b"0123456789"


def test_progress_reaches_fsspecs_callbacks(home: Home, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(1000))
    up, down = fsspec.Callback(), fsspec.Callback()
    home.fs.put_file(str(tmp_path / "a"), home.key("a"), callback=up)
    home.fs.get_file(home.key("a"), str(tmp_path / "b"), callback=down)
    assert (up.size, up.value, down.size, down.value) == (1000,) * 4
    with (tmp_path / "c").open("wb") as file:
        home.fs.get_file(home.key("a"), file)
    assert (tmp_path / "c").read_bytes() == (tmp_path / "b").read_bytes() == bytes(1000)


def test_a_new_object_can_be_described(home: Home) -> None:
    described: dict[str, Any] = {"content_type": "text/x", "metadata": {"run": "7"}}
    home.fs.pipe_file(home.key("a"), b"", **described)
    with home.fs.open(home.key("b"), "wb", **described) as file:
        file.write(b"")
    for name in "ab":
        info = home.bucket.stat(home.key(name))
        assert (info.content_type, info.metadata) == ("text/x", {"run": "7"})
    with pytest.raises(PortableError, match="none of"):
        home.fs.pipe_file(home.key("a"), b"", mode="replace")
