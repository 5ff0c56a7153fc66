"""``portable ls`` and ``portable stat``."""

from __future__ import annotations

import json

import pytest

from portable.cli.listing import human
from portable.storage import Bucket
from tests.cli.conftest import Run

KEYS = ["a.txt", "runs/7", "runs/7/log", "runs/7/model.pt", "runs/70/log", "é/x"]


@pytest.fixture(autouse=True)
def stored(in_memory: Bucket) -> Bucket:
    for key in KEYS:
        in_memory.put(key, b"x" * 2000)
    return in_memory


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ([], ["a.txt", "runs/", "é/"]),
        (["runs"], ["runs/7", "runs/7/", "runs/70/"]),
        (["runs/"], ["runs/7", "runs/7/", "runs/70/"]),
        (["runs/7"], ["runs/7", "runs/7/log", "runs/7/model.pt"]),
        (["runs/7/"], ["runs/7/log", "runs/7/model.pt"]),
        (["runs/7*"], ["runs/7", "runs/7/", "runs/70/"]),
        (["ru*"], ["runs/"]),
        (["nothing/here"], []),
        (["-r"], KEYS),
        (["-r", "runs/7"], ["runs/7", "runs/7/log", "runs/7/model.pt"]),
        (["-r", "runs/7*"], ["runs/7", "runs/7/log", "runs/7/model.pt", "runs/70/log"]),
        (["-r", "nothing"], []),
        (["portable://runs/70"], ["runs/70/log"]),
        (["memory://default/runs/70/"], ["runs/70/log"]),
        (["memory://default"], ["a.txt", "runs/", "é/"]),
    ],
)
def test_what_a_prefix_lists(run: Run, words: list[str], lines: list[str]) -> None:
    """A prefix is a folder, or plain text where it ends in a star; nothing there is no error."""
    outcome = run("ls", *words)
    assert (outcome.code, outcome.lines, outcome.err) == (0, lines, "")


def test_a_long_listing_has_columns_without_tabs(run: Run) -> None:
    """Folders have neither size nor time."""
    first, second, *_ = run("ls", "-l").lines
    assert first.split()[:2] == ["2.0", "KiB"]
    assert first.split()[2].endswith("Z")
    assert first.endswith("  a.txt")
    assert second.split() == ["runs/"]
    assert len(first) - len("a.txt") == len(second) - len("runs/")


def test_json_is_one_document_a_line(run: Run) -> None:
    """So that a listing of any size can be read as it comes."""
    lines = [json.loads(line) for line in run("ls", "--json", "runs/7*").lines]
    assert lines[0]["key"] == "runs/7"
    assert lines[0]["size"] == 2000
    assert lines[0]["checksum"]["algorithm"] == "crc32"
    assert lines[1:] == [{"prefix": "runs/7/"}, {"prefix": "runs/70/"}]


def test_a_listing_of_a_folder_of_files(run: Run) -> None:
    """The folder itself is the bucket."""
    run("cp", "-", f"file://{_here()}/data/x/a.txt", given=b"1")
    assert run("ls", "-r", f"file://{_here()}/data").lines == ["x/a.txt"]
    assert run("ls", f"file://{_here()}/data/").lines == ["x/"]
    assert run("ls", "-r", f"file://{_here()}/data/x*").lines == ["x/a.txt"]
    assert run("cat", f"file://{_here()}/data/x/a.txt").out == b"1"


def _here() -> str:
    from pathlib import Path

    return str(Path.cwd())


def test_stat_tells_all_that_is_known(run: Run, stored: Bucket) -> None:
    """For people by lines, for programs as a document."""
    info = stored.put("m", b"hello", metadata={"epoch": "7"}, content_type="text/plain")
    document = run("stat", "m", "--json").document
    assert document["key"] == "m"
    assert document["size"] == 5
    assert document["revision"] == info.revision
    assert document["metadata"] == {"epoch": "7"}
    assert document["checksum"] == {"algorithm": "crc32", "value": "3610a686"}
    lines = run("stat", "m").lines
    assert "metadata epoch 7" in lines
    assert "content type   text/plain" in lines


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536 * 1024, "1.5 MiB"),
        (1024**6, "1024.0 PiB"),
    ],
)
def test_sizes_for_people(size: int, text: str) -> None:
    """In the largest unit that leaves at least one."""
    assert human(size) == text
