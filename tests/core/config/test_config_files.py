"""Which file is read, and which files are refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from portable.config import resolve_storage
from portable.errors import ConfigError

Write = Callable[[str], Path]


def _profile(name: str) -> str:
    return f'[main]\nprovider = "memory"\nstorage = {{ name = "{name}" }}\n'


def _found() -> object:
    return getattr(resolve_storage().settings, "name", None)


def test_a_file_is_found_upwards(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(_profile("above"))
    deep = path.parent / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert _found() == "above"
    assert resolve_storage().file == str(path)


def test_the_nearest_file_wins(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(_profile("above"))
    near = path.parent / "near"
    near.mkdir()
    (near / "portable.toml").write_text(_profile("near"))
    monkeypatch.chdir(near)
    assert _found() == "near"


def test_the_users_file_is_read_when_there_is_none_upwards(tmp_path: Path, write: Write) -> None:
    own = tmp_path / "user" / "portable" / "portable.toml"
    own.parent.mkdir(parents=True)
    own.write_text(_profile("own"))
    assert _found() == "own"
    write(_profile("project"))
    assert _found() == "project"


def test_the_environment_names_a_file(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(_profile("project"))
    (tmp_path / "other.toml").write_text(_profile("other"))
    monkeypatch.setenv("PORTABLE_CONFIG", "../other.toml")
    assert _found() == "other"
    assert resolve_storage().origins["name"] == "other.toml [main] storage.name"


def test_a_named_file_that_is_missing_is_an_error(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It doesn't fall back to the file that would be found."""
    write(_profile("project"))
    monkeypatch.setenv("PORTABLE_CONFIG", "/no/such/file.toml")
    with pytest.raises(ConfigError, match=r"can't read /no/such/file\.toml: No such file"):
        resolve_storage()


def test_a_changed_file_is_read_again(write: Write) -> None:
    write(_profile("one"))
    assert _found() == "one"
    write(_profile("another"))
    assert _found() == "another"


def test_a_folder_of_the_files_name_is_passed_over(folder: Path) -> None:
    (folder / "portable.toml").mkdir()
    assert resolve_storage().file is None


def test_looking_makes_nothing(folder: Path, tmp_path: Path) -> None:
    resolve_storage()
    assert list(folder.iterdir()) == []
    assert [each.name for each in tmp_path.iterdir()] == ["work"]


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_a_file_that_anyone_may_write_is_refused(write: Write) -> None:
    path = write(_profile("x"))
    path.chmod(0o666)
    with pytest.raises(ConfigError) as caught:
        resolve_storage()
    assert f"chmod o-w {path}" in str(caught.value)
    path.chmod(0o664)
    assert _found() == "x"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("[main\n", 1, "Expected ']'"),
        ('[main]\nprovider = "memory\n', 2, "Illegal character"),
        ('[main]\nprovider = "memory"\n\nstorage = {', 4, "Unclosed|Unexpected|Invalid"),
        ("[main]\nx = 1\nx = 2\n", 3, "Cannot overwrite a value"),
        ("[main]\nx = " + "9" * 5000, 2, "Exceeds the limit"),
        ("x = " + "[" * 5000, 1, "nested too deeply"),
    ],
)
def test_a_syntax_error_names_file_and_line(
    write: Write, text: str, line: int, reason: str
) -> None:
    path = write(text)
    with pytest.raises(ConfigError, match=rf"{path}, line {line}: not valid TOML: .*({reason})"):
        resolve_storage()


def test_a_file_that_is_not_utf8_names_the_line(write: Write) -> None:
    path = write("")
    path.write_bytes(b"[main]\nname = '\xff'\n")
    with pytest.raises(ConfigError, match="line 2: not valid TOML: not UTF-8"):
        resolve_storage()


def test_a_byte_order_mark_is_skipped(write: Write) -> None:
    write("﻿" + _profile("notepad"))
    assert _found() == "notepad"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('defualt = "main"\n', r"portable.toml defualt: only .* \(did you mean 'default'\?\)"),
        ('bucket = "x"\n', "portable.toml bucket: only 'default' and tables, which are profiles"),
        ("default = 1\n", "portable.toml default: must be the name of a profile, in quotes"),
        ("[default]\n", "portable.toml default: must be the name of a profile, in quotes"),
        ("[[main]]\n", "portable.toml main: only 'default' and tables"),
        ("a." * 40 + "b = 1", "nested too deeply"),
    ],
)
def test_a_top_level_key_that_has_no_meaning_is_an_error(
    write: Write, text: str, problem: str
) -> None:
    write(text)
    with pytest.raises(ConfigError, match=problem):
        resolve_storage()


def test_a_working_directory_that_is_gone_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigError, match="there is no working directory"):
        resolve_storage()
