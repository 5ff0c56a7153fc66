"""A file is published by a clean close, and by nothing else: whoever wraps it, whoever closes it."""

from __future__ import annotations

import gc
import gzip
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest

from portable.errors import AlreadyExists, InvalidArgument
from tests.ecosystem.conftest import Home, needed

needed("fsspec")

import fsspec

BIG = bytes(range(256)) * 4 * 1024 * 9  # 9 MiB: more than one part


class Broken(Exception):
    """What goes wrong in the middle."""


Scene = Callable[[Home, str], None]


def plain(home: Home, key: str) -> None:
    with home.fs.open(key, "wb") as file:
        file.write(b"half")
        raise Broken


def in_parts(home: Home, key: str) -> None:
    with home.fs.open(key, "wb") as file:
        file.write(BIG)
        raise Broken


def text(home: Home, key: str) -> None:
    with home.fs.open(key, "w") as file:
        file.write("half")
        raise Broken


def compressed(home: Home, key: str) -> None:
    with home.fs.open(key, "wb", compression="gzip") as file:
        file.write(b"half")
        raise Broken


def compressed_text(home: Home, key: str) -> None:
    with home.fs.open(key, "wt", compression="xz") as file:
        file.write("half")
        raise Broken


def zipped(home: Home, key: str) -> None:
    with home.fs.open(key, "wb", compression="zip") as file:
        file.write(b"half")
        raise Broken


def fsspec_open(home: Home, key: str) -> None:
    with fsspec.open(f"portable://{key}", "wb") as file:
        file.write(b"half")
        raise Broken


def fsspec_open_text(home: Home, key: str) -> None:
    with fsspec.open(f"portable://{key}", "w", compression="gzip") as file:
        file.write("half")
        raise Broken


def gzip_around(home: Home, key: str) -> None:
    with home.fs.open(key, "wb") as file, gzip.open(file, "wb") as packed:
        packed.write(b"half")
        raise Broken


def text_around(home: Home, key: str) -> None:
    with io.TextIOWrapper(home.fs.open(key, "wb")) as file:
        file.write("half")
        raise Broken


def in_a_context_of_ones_own(home: Home, key: str) -> None:
    @contextmanager
    def opened() -> Iterator[Any]:
        file = home.fs.open(key, "wb")
        try:
            yield file
        finally:
            file.close()

    with opened() as file:
        file.write(b"half")
        raise Broken


def closed_in_finally(home: Home, key: str) -> None:
    file = home.fs.open(key, "wb")
    try:
        file.write(b"half")
        raise Broken
    finally:
        file.close()


def dataframe(home: Home, key: str) -> None:
    class Cell:
        def __str__(self) -> str:
            raise Broken

    needed("pandas").DataFrame({"a": ["half", Cell()]}).to_csv(f"portable://{key}", chunksize=1)


def pickled_dataframe(home: Home, key: str) -> None:
    class Cell:
        def __reduce__(self) -> Any:
            raise Broken

    needed("pandas").DataFrame({"a": [Cell()]}).to_pickle(f"portable://{key}")


def arrow_stream(home: Home, key: str) -> None:
    fs = needed("pyarrow.fs")
    files = fs.PyFileSystem(fs.FSSpecHandler(home.fs))
    with files.open_output_stream(key) as file:
        file.write(b"half")
        raise Broken


def transaction(home: Home, key: str) -> None:
    with home.fs.transaction:
        home.fs.pipe(key, b"whole, and yet not wanted")
        with fsspec.open(f"portable://{key}-2", "w") as file:
            file.write("the same")
        raise Broken


QUIET = (plain, in_parts, text, compressed, compressed_text, zipped, fsspec_open, fsspec_open_text,
         gzip_around, in_a_context_of_ones_own, dataframe, pickled_dataframe, transaction)  # fmt: skip
# Here nothing tells a close that is wanted from one that isn't: the user hears of it.
WARNED = (text_around, closed_in_finally, arrow_stream)


@pytest.mark.parametrize("scene", [*QUIET, *WARNED], ids=lambda scene: scene.__name__)
def test_an_exception_publishes_nothing(home: Home, scene: Scene) -> None:
    """Other file systems keep the first half as if it were the whole."""
    key = home.key("file")
    warned = pytest.warns(RuntimeWarning, match="nothing was published")
    with warned if scene in WARNED else nullcontext(), pytest.raises(Broken):
        scene(home, key)
    gc.collect()
    assert home.fs.find(home.path) == []


@pytest.mark.parametrize("scene", [plain, fsspec_open_text, transaction], ids=lambda s: s.__name__)
def test_an_exception_leaves_what_was_there(home: Home, scene: Scene) -> None:
    key = home.key("file")
    home.fs.pipe(key, b"before")
    with pytest.raises(Broken):
        scene(home, key)
    assert home.fs.cat(key) == b"before"


def test_a_file_that_is_dropped_is_not_published(home: Home) -> None:
    for mode, data in (("wb", b"half"), ("w", "half")):
        file = home.fs.open(home.key("file"), mode)
        file.write(data)
        del file
        gc.collect()
    assert not home.fs.exists(home.key("file"))


def test_what_happened_before_a_file_was_opened_does_not_count(home: Home) -> None:
    """An error log is written while an error is handled."""
    try:
        raise Broken
    except Broken:
        with fsspec.open(f"{home.url}/log", "w") as file:
            file.write("it broke")
        log = home.fs.open(home.key("log-2"), "wb")
        log.write(b"it broke")
        log.close()
    assert home.fs.cat(home.key("log")) == home.fs.cat(home.key("log-2")) == b"it broke"


def test_with_publishes_in_a_handler_of_what_came_later(home: Home) -> None:
    """`with` says itself whether its block ended well."""
    file = home.fs.open(home.key("file"), "wb")
    try:
        raise Broken
    except Broken:
        with file:
            file.write(b"whole")
    assert home.fs.cat(home.key("file")) == b"whole"


@pytest.mark.parametrize("compression", [None, "gzip", "bz2", "xz", "zip"])
def test_what_is_closed_well_is_there(home: Home, compression: str | None) -> None:
    key = home.key("file")
    with home.fs.open(key, "wt", compression=compression) as file:
        file.write("whole ☃\n")
        assert not home.fs.exists(key)
    with home.fs.open(key, "rt", compression=compression) as file:
        assert file.read() == "whole ☃\n"


def test_an_exclusive_file_never_replaces_one(home: Home) -> None:
    """Not one that came while it was written, either."""
    key = home.key("file")
    file = home.fs.open(key, "xb")
    file.write(b"late")
    home.fs.pipe(key, b"first")
    with pytest.raises(AlreadyExists):
        file.close()
    with pytest.raises(FileExistsError):
        home.fs.open(key, "x")
    with pytest.raises(FileExistsError):
        home.fs.pipe_file(key, b"late", mode="create")
    assert home.fs.cat(key) == b"first"


def test_a_transaction_publishes_at_its_end(home: Home, tmp_path: Any) -> None:
    (tmp_path / "local").write_bytes(BIG)
    with home.fs.transaction:
        home.fs.pipe(home.key("a"), b"a")
        home.fs.put(str(tmp_path / "local"), home.key("b"))
        needed("pandas").DataFrame({"x": [1]}).to_csv(f"{home.url}/c.csv")
        with pytest.raises(Broken):
            fsspec_open(home, home.key("d"))
        assert home.fs.find(home.path) == []
    assert home.fs.find(home.path) == [home.key(name) for name in ("a", "b", "c.csv")]
    assert home.fs.cat(home.key("b")) == BIG


def test_a_transaction_publishes_no_file_that_is_still_open(home: Home) -> None:
    home.fs.start_transaction()
    file = home.fs.open(home.key("file"), "wb")
    file.write(b"half")
    with pytest.raises(InvalidArgument, match="wasn't closed when its transaction ended"):
        home.fs.end_transaction()
    assert file.closed
    assert not home.fs.exists(home.key("file"))
