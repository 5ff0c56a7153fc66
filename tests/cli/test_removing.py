"""``portable rm``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from portable.errors import PermissionDenied, PortableError
from portable.storage import Bucket
from portable_memory.storage import MemoryStorage
from tests.cli.conftest import Run

KEYS = ["a", "runs/7", "runs/7/log", "runs/70/log", "star*"]


@pytest.fixture(autouse=True)
def stored(in_memory: Bucket) -> Bucket:
    for key in KEYS:
        in_memory.put(key, b"x")
    return in_memory


def left(bucket: Bucket) -> list[str]:
    return [info.key for info in bucket.list()]


@pytest.mark.parametrize(
    ("words", "remains"),
    [
        (["a"], KEYS[1:]),
        (["a", "portable://runs/7"], KEYS[2:]),
        (["star*"], KEYS[:-1]),
        (["-r", "--yes", "runs/7"], ["a", "runs/70/log", "star*"]),
        (["-r", "--yes", "runs/7/"], ["a", "runs/7", "runs/70/log", "star*"]),
        (["-r", "--yes", "runs/7*"], ["a", "star*"]),
        (["-ry", "memory://default/runs/7/"], ["a", "runs/7", "runs/70/log", "star*"]),
        (["-ry", "nothing"], KEYS),
    ],
)
def test_what_is_removed(run: Run, stored: Bucket, words: list[str], remains: list[str]) -> None:
    """One object, or with -r what the same prefix lists; never the folder beside it."""
    assert run("rm", *words).code == 0
    assert left(stored) == remains


def test_a_recursive_removal_asks(run: Run, stored: Bucket) -> None:
    """It says how many and where; anything but a yes removes nothing."""
    for answer in ("n\n", "\n", ""):
        outcome = run("rm", "-r", "runs", given=answer)
        assert outcome.code == 1
        assert "remove 3 objects (3 B) below memory://default/runs? [y/N]" in outcome.err
        assert "nothing was removed" in outcome.err
    assert left(stored) == KEYS
    outcome = run("rm", "-r", "runs", given="y\n")
    assert (outcome.code, outcome.text) == (0, "")
    assert outcome.err.endswith("removed 3 objects below memory://default/runs\n")
    assert left(stored) == ["a", "star*"]


@pytest.mark.parametrize("words", [["runs", "-r"], ["a", "runs/7"]])
def test_a_dry_run_prints_and_keeps(run: Run, stored: Bucket, words: list[str]) -> None:
    """It doesn't ask either."""
    outcome = run("rm", "--dry-run", *words)
    assert (outcome.code, outcome.err) == (0, "")
    assert set(outcome.lines) <= set(KEYS)
    assert len(outcome.lines) == (3 if "-r" in words else 2)
    document = run("rm", "--dry-run", "--json", *words).document
    assert document["keys"] == outcome.lines
    assert (document["dry_run"], document["deleted"]) == (True, 0)
    assert left(stored) == KEYS


@pytest.mark.parametrize(
    "prefix", ["", "*", "portable://", "memory://default", "memory://default/", "/", "file:///"]
)
def test_a_whole_bucket_is_never_meant(run: Run, stored: Bucket, prefix: str) -> None:
    """An empty prefix is more likely an empty variable."""
    outcome = run("rm", "-r", "--yes", prefix)
    assert outcome.code == 2
    assert "would remove every object" in outcome.err
    assert left(stored) == KEYS


def test_a_folder_of_files_goes_with_all_below(run: Run, folder: Path) -> None:
    """With and without a slash at its end."""
    for url in (f"file://{folder}/data/old", f"file://{folder}/data/old/"):
        for name in ("old/a", "old/b/c", "older"):
            run("cp", "-", f"file://{folder}/data/{name}", given=b"1")
        assert run("rm", "-ry", url).code == 0
        assert run("ls", "-r", f"file://{folder}/data").lines == ["older"]


def test_a_missing_object_is_told(run: Run, stored: Bucket) -> None:
    """Exit code 3, unless that is fine."""
    assert run("rm", "nope").code == 3
    assert run("rm", "--missing-ok", "nope").code == 0
    assert left(stored) == KEYS


def test_a_folder_without_r_is_told_how_it_is_removed(run: Run, stored: Bucket) -> None:
    """And one that isn't there is not told of."""
    outcome = run("rm", "runs/70")
    assert outcome.code == 3
    assert "; -r removes the folder runs/70/ [memory]\n" in outcome.err
    assert "-r removes" not in run("rm", "run").err
    assert left(stored) == KEYS


def test_json_is_never_asked(run: Run, stored: Bucket) -> None:
    """A program has to say so beforehand."""
    assert run("rm", "-r", "runs", "--json").code == 2
    document = run("rm", "-r", "runs", "--json", "--yes").document
    assert document == {"dry_run": False, "deleted": 3, "errors": []}


def test_what_cant_be_removed_is_told_and_the_rest_goes(
    run: Run, stored: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One error a key, and their exit code."""
    delete = MemoryStorage.delete

    def stubborn(self: MemoryStorage, keys: Sequence[str]) -> Mapping[str, PortableError]:
        delete(self, [key for key in keys if key != "runs/7/log"])
        return {"runs/7/log": PermissionDenied("locked")}

    monkeypatch.setattr(MemoryStorage, "delete", stubborn)
    outcome = run("rm", "-ry", "runs")
    assert outcome.code == 4
    assert "error: delete_many memory://default/runs/7/log: locked [memory]\n" in outcome.err
    document = run("rm", "-ry", "runs", "--json").document
    assert [error["resource"] for error in document["errors"]] == ["memory://default/runs/7/log"]
    assert left(stored) == ["a", "runs/7/log", "star*"]
