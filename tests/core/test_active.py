"""`portable.storage`: the functions of whichever bucket is active."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import portable


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    for name in ("PORTABLE_PROFILE", "PORTABLE_CONFIG", "PORTABLE_STORAGE"):
        monkeypatch.delenv(name, raising=False)


def test_without_any_configuration_objects_are_in_the_working_folder(tmp_path: Path) -> None:
    """In `.portable/storage`, as plain files."""
    portable.storage.put("runs/7/note.txt", b"hello")
    assert (tmp_path / ".portable/storage/runs/7/note.txt").read_bytes() == b"hello"
    assert portable.storage.get("runs/7/note.txt") == b"hello"


def test_a_variable_swaps_the_bucket_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next call already goes there, and back."""
    portable.storage.put("here", b"1")
    monkeypatch.setenv("PORTABLE_STORAGE", "memory://active-variable")
    assert not portable.storage.exists("here")
    monkeypatch.delenv("PORTABLE_STORAGE")
    assert portable.storage.exists("here")


def test_a_changed_working_folder_is_another_bucket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default is relative to it."""
    portable.storage.put("here", b"1")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    assert not portable.storage.exists("here")


def test_below_a_configuration_file_the_default_folder_is_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script finds its data from every subfolder of the project."""
    (tmp_path / "portable.toml").write_text('[laptop]\nprovider = "local"\n')
    portable.storage.put("here", b"1")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    assert portable.storage.exists("here")


def test_threads_have_their_own_profile() -> None:
    """A block in one thread changes nothing in another."""
    found: list[str] = []
    with portable.profile("memory"):
        thread = threading.Thread(target=lambda: found.append(portable.open_bucket().provider))
        thread.start()
        thread.join()
        assert portable.open_bucket().provider == "memory"
    assert found == ["local"]


def test_open_bucket_takes_a_url() -> None:
    """Of any installed adapter."""
    bucket = portable.open_bucket("memory://active-url/team")
    bucket.put("a", b"1")
    assert bucket.url == "memory://active-url/team"
    assert portable.open_bucket("memory://active-url").get("team/a") == b"1"
