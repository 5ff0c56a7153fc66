"""``portable cp`` and ``portable mv``."""

from __future__ import annotations

from pathlib import Path

import pytest

import portable
import portable_memory.storage
from portable.storage import Bucket
from portable_memory.storage import MemoryRead, MemoryStorage
from tests.cli.conftest import Run

pytestmark = pytest.mark.usefixtures("in_memory")
BODY = bytes(range(256)) * 100


def test_a_file_goes_up_and_comes_back(run: Run, folder: Path, in_memory: Bucket) -> None:
    """With what was said of it."""
    (folder / "model.pt").write_bytes(BODY)
    up = run("cp", "model.pt", "portable://runs/7/model.pt", "--metadata", "epoch=7",
             "--content-type", "x/y")  # fmt: skip
    assert (up.code, up.text) == (0, "")
    assert up.err == "copied model.pt to memory://default/runs/7/model.pt\n"
    info = in_memory.stat("runs/7/model.pt")
    assert (info.metadata, info.content_type) == ({"epoch": "7"}, "x/y")
    down = run("cp", "-q", "portable://runs/7/model.pt", "back.pt")
    assert (down.code, down.text, down.err) == (0, "", "")
    assert (folder / "back.pt").read_bytes() == BODY


@pytest.mark.parametrize(
    ("target", "key"),
    [
        ("portable://", "a.txt"),
        ("portable://x/", "x/a.txt"),
        ("portable://x/b", "x/b"),
        ("memory://default/y/", "y/a.txt"),
    ],
)
def test_a_target_that_is_a_folder_takes_the_name_of_the_file(
    run: Run, folder: Path, in_memory: Bucket, target: str, key: str
) -> None:
    """A folder ends in a slash, or is the bucket."""
    (folder / "a.txt").write_bytes(b"1")
    assert run("cp", "a.txt", target).code == 0
    assert [info.key for info in in_memory.list()] == [key]


def test_several_sources_go_into_a_folder(run: Run, folder: Path, in_memory: Bucket) -> None:
    """Up, down, and in one document."""
    (folder / "a").write_bytes(b"1")
    (folder / "b").write_bytes(b"2")
    (folder / "down").mkdir()
    assert run("cp", "a", "b", "portable://x/").code == 0
    down = run("cp", "--json", "portable://x/a", "portable://x/b", "down")
    assert [each["target"] for each in down.document["copied"]] == ["down/a", "down/b"]
    assert (folder / "down" / "b").read_bytes() == b"2"
    assert run("cp", "a", "b", "portable://x").code == 2
    assert run("cp", "portable://x/a", "portable://x/b", "a").code == 2


def test_standard_input_and_output_are_binary(run: Run, in_memory: Bucket) -> None:
    """Whatever bytes."""
    assert run("cp", "-", "portable://k", given=BODY).code == 0
    assert in_memory.get("k") == BODY
    assert run("cp", "portable://k", "-").out == BODY


def test_objects_are_copied_between_buckets(run: Run, in_memory: Bucket) -> None:
    """Of different providers too, content type and metadata along."""
    in_memory.put("a.bin", BODY, metadata={"x": "1"}, content_type="x/y")
    assert run("cp", "portable://a.bin", "memory://other/folder/").code == 0
    other = portable.open_bucket("memory://other")
    assert other.get("folder/a.bin") == BODY
    target = f"file://{Path.cwd()}/out/a.bin"
    assert run("cp", "memory://other/folder/a.bin", target).code == 0
    info = portable.open_bucket(f"file://{Path.cwd()}/out").stat("a.bin")
    assert (info.metadata, info.content_type) == ({"x": "1"}, "x/y")


def test_a_named_bucket_of_the_profile(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """portable://@name/key, with the profile chosen on the line."""
    monkeypatch.delenv("PORTABLE_PROFILE")
    (folder / "portable.toml").write_text(
        'default = "other"\n[other]\nprovider = "memory"\n'
        '[lab]\nprovider = "memory"\n[lab.buckets]\ndatasets = "memory://d"\n'
    )
    assert run("--profile", "lab", "cp", "-", "portable://@datasets/x", given=b"1").code == 0
    assert portable.open_bucket("memory://d").get("x") == b"1"
    assert run("cat", "portable://@datasets/x", "--profile", "lab").out == b"1"
    wrong = run("cat", "--profile", "lab", "portable://@dataset/x")
    assert wrong.code == 2
    assert "did you mean 'datasets'" in wrong.err


def test_a_url_takes_what_the_profile_shares(run: Run, folder: Path) -> None:
    """Its provider's settings, and no prefix: the key is all of the URL's path."""
    (folder / "portable.toml").write_text(
        'default = "lab"\n[lab]\nprovider = "memory"\nprefix = "team"\nattempts = 0\n'
    )
    wrong = run("--profile", "lab", "ls", "memory://other")
    assert (wrong.code, "attempts" in wrong.err) == (2, True)
    (folder / "portable.toml").write_text(
        'default = "lab"\n[lab]\nprovider = "memory"\nprefix = "team"\n'
    )
    assert run("--profile", "lab", "cp", "-", "memory://other/k", given=b"1").code == 0
    assert list(portable_memory.storage._stores["other"].objects) == ["k"]
    assert run("--profile", "lab", "cp", "-", "portable://k", given=b"1").code == 0
    assert list(portable_memory.storage._stores["default"].objects) == ["team/k"]


def test_if_absent_keeps_what_is_there(run: Run, in_memory: Bucket) -> None:
    """Exit code 5, and the older object stays."""
    in_memory.put("k", b"old")
    outcome = run("cp", "--if-absent", "-", "portable://k", given=b"new")
    assert outcome.code == 5
    assert outcome.err.startswith("error: put memory://default/k: ")
    assert in_memory.get("k") == b"old"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["here", "portable://x/"], "is a folder: add -r"),
        (["a.txt", "b.txt"], "neither 'a.txt' nor 'b.txt' is in a bucket"),
        (["-", "-"], "is in a bucket"),
        (["-", "portable://x/"], "standard input has no name"),
        (["portable://x/", "here"], "has no name"),
        (["portable://k", "-", "--json"], "both want standard output"),
        (["portable://k", "portable://m", "--if-absent"], "for files that go into a bucket"),
        (["portable://k", "portable://m", "--metadata", "a=1"], "for files that go into a bucket"),
        (["a.txt", "portable://x", "--metadata", "a"], "NAME=VALUE"),
        (["a.txt", "portable://x", "--metadata", "a=1", "--metadata", "a=2"], "twice"),
        (["a.txt", "portable://x//y"], "empty segment"),
        (["a.txt"], "Missing argument"),
    ],
)
def test_a_line_that_cant_be_meant_says_why(
    run: Run, folder: Path, in_memory: Bucket, words: list[str], said: str
) -> None:
    """Exit code 2, one error, and nothing happened."""
    (folder / "here").mkdir()
    (folder / "a.txt").write_bytes(b"1")
    in_memory.put("k", b"1")
    outcome = run("cp", *words)
    assert outcome.code == 2
    assert said in outcome.err
    assert [info.key for info in in_memory.list()] == ["k"]


def test_a_local_file_that_is_missing_may_be_a_key(run: Run) -> None:
    """The error has both readings."""
    outcome = run("cp", "k", "portable://m")
    assert outcome.code == 3
    assert "no local file 'k'" in outcome.err
    assert "portable://k" in outcome.err


@pytest.mark.parametrize("key", ["x/..", "x/.", "a\\b", "c/d\\..\\e"])
def test_a_download_into_a_folder_stays_in_it(
    run: Run, folder: Path, in_memory: Bucket, key: str
) -> None:
    """A foreign key whose last segment is no plain name is refused."""
    in_memory.put("good", b"1")
    objects = portable_memory.storage._stores["default"].objects
    objects[key] = objects["good"]
    (folder / "down").mkdir()
    outcome = run("cp", f"portable://{key}", "down")
    assert outcome.code == 2
    assert "no plain file name" in outcome.err
    assert sorted(folder.rglob("*")) == [folder / "down"]


def test_interrupted_on_the_way_up_nothing_is_stored(
    run: Run, in_memory: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 130, no object, no parts."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(MemoryStorage, "commit", interrupted)
    outcome = run("cp", "-", "portable://k", given=bytes(9 * 1024**2))
    assert (outcome.code, outcome.err) == (130, "error: interrupted\n")
    store = portable_memory.storage._stores["default"]
    assert not store.objects
    assert not store.uploads


def test_interrupted_on_the_way_down_the_older_file_stays(
    run: Run, folder: Path, in_memory: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no temporary file."""
    in_memory.put("k", bytes(1024**2))
    (folder / "k").write_bytes(b"old")
    read, calls = MemoryRead.read, []

    def interrupted(self: MemoryRead, size: int, /) -> bytes:
        calls.append(size)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return read(self, size)

    monkeypatch.setattr(MemoryRead, "read", interrupted)
    assert run("cp", "portable://k", "k").code == 130
    assert [(path.name, path.read_bytes()) for path in folder.iterdir()] == [("k", b"old")]


@pytest.mark.parametrize(
    ("source", "target", "key"),
    [
        ("a", "b", "b"),
        ("a", "x/", "x/a"),
        ("portable://a", "memory://default/b", "b"),
        ("a", "a", "a"),
    ],
)
def test_move(run: Run, in_memory: Bucket, source: str, target: str, key: str) -> None:
    """The source is gone and the target has its bytes."""
    in_memory.put("a", BODY)
    document = run("mv", "--json", source, target)
    assert document.document["target"] == f"memory://default/{key}"
    assert [info.key for info in in_memory.list()] == [key]
    assert in_memory.get(key) == BODY


def test_move_to_another_provider(run: Run, in_memory: Bucket) -> None:
    """Copied, looked at, removed."""
    in_memory.put("a", BODY)
    outcome = run("mv", "a", f"file://{Path.cwd()}/out/")
    assert (outcome.code, outcome.err.startswith("moved memory://default/a to file://")) == (
        0,
        True,
    )
    assert not in_memory.exists("a")
    assert portable.open_bucket(f"file://{Path.cwd()}/out").get("a") == BODY


def test_a_move_onto_itself_by_another_name_loses_nothing(run: Run, in_memory: Bucket) -> None:
    """The same object through two addresses would be copied onto itself, then removed."""
    in_memory.put("a", BODY)
    outcome = run("mv", "a", "memory://default/a")
    assert outcome.code == 2
    assert "may be the same object" in outcome.err
    assert in_memory.get("a") == BODY


def test_a_move_keeps_a_source_that_was_replaced_meanwhile(
    run: Run, in_memory: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 5, both there."""
    in_memory.put("a", b"old")
    copy = Bucket.copy

    def slow(self: Bucket, source: str, target: str, *, to: Bucket | None = None) -> object:
        copied = copy(self, source, target, to=to)
        in_memory.put("a", b"new")
        return copied

    monkeypatch.setattr(Bucket, "copy", slow)
    assert run("mv", "a", "memory://other/a").code == 5
    assert in_memory.get("a") == b"new"
