"""``portable config show``, ``portable init``, and the top of the command line."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import portable
from portable.config import describe
from tests.cli.conftest import Run


def test_show_tells_each_value_and_where_it_is_from(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For people in columns, for programs as a document."""
    (folder / "portable.toml").write_text(
        '[lab]\nprovider = "memory"\nattempts = 3\n[lab.buckets]\nx = "memory://x"\nbad = "s3://"\n'
    )
    monkeypatch.setenv("PORTABLE_STORAGE_NAME", "other")
    lines = [line.split() for line in run("config", "show").lines]
    assert lines[0] == ["profile", "lab", "(the", "only", "profile", "of", "portable.toml)"]
    assert ["storage", "memory://other", "(memory)"] in lines
    assert ["attempts", "3", "portable.toml", "[lab]", "attempts"] in lines
    assert ["name", "other", "environment", "PORTABLE_STORAGE_NAME"] in lines
    document = run("config", "show", "--json").document
    assert (document["profile"], document["storage"]["url"]) == ("lab", "memory://other")
    assert [bucket["name"] for bucket in document["buckets"]] == ["x", "bad"]
    assert "'bucket' is missing" in document["buckets"][1]["problem"]


def test_show_of_a_profile_that_the_line_chooses(run: Run) -> None:
    """It says who chose."""
    assert run("--profile", "memory", "config", "show").lines[0] == "profile  memory (--profile)"
    document = run("config", "show", "--profile", "memory", "--json").document
    assert document["chosen"] == "--profile"


@pytest.mark.parametrize("provider", ["aws", "local", "memory"])
def test_init_writes_a_file_that_can_be_used(run: Run, folder: Path, provider: str) -> None:
    """As it is, and with every comment that holds a setting taken in."""
    outcome = run("init", "--provider", provider, "--json")
    assert outcome.document == {"file": str(folder / "portable.toml"), "profile": provider}
    described = describe()
    assert (described.profile, described.storage.problem) == (provider, "")
    assert not describe().buckets
    text = (folder / "portable.toml").read_text()
    mine = text.partition("# Profiles for the other")[0]
    everything = "\n".join(
        line.removeprefix("# ") if line.startswith("# storage.") else line
        for line in mine.splitlines()
    )
    settings = tomllib.loads(everything)[provider]["storage"]
    assert {"prefix", "deadline", "attempts", "concurrency"} < set(settings)
    assert all(len(line) < 100 for line in text.splitlines())


def test_init_has_the_other_providers_as_comments(run: Run, folder: Path) -> None:
    """Taking one in is deleting a few characters."""
    run("init")
    text = (folder / "portable.toml").read_text()
    assert "\n# [aws]\n# provider = \"aws\"\n# # pip install 'portable-cloud[aws]'\n" in text
    assert tomllib.loads(text) == {"default": "local", "local": {"provider": "local"}}


def test_init_never_replaces_a_file_unless_told(run: Run, folder: Path) -> None:
    """Exit code 5."""
    file = folder / "portable.toml"
    file.write_text("# mine\n")
    outcome = run("init")
    assert outcome.code == 5
    assert "--force replaces it" in outcome.err
    assert file.read_text() == "# mine\n"
    assert run("init", "--force").code == 0
    assert file.read_text() != "# mine\n"
    assert list(folder.iterdir()) == [file]


def test_init_for_a_provider_that_isnt_there(run: Run, folder: Path) -> None:
    """Nothing is written."""
    outcome = run("init", "--provider", "asw")
    assert outcome.code == 2
    assert "did you mean 'aws'" in outcome.err
    assert not list(folder.iterdir())


def test_version(run: Run) -> None:
    """For people and programs."""
    assert run("--version").text == f"portable {portable.__version__}\n"
    assert run("--json", "--version").document == {"version": portable.__version__}


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_help_lists_the_commands(run: Run, words: list[str]) -> None:
    """Also when nothing is asked for."""
    outcome = run(*words)
    assert outcome.code == 0
    for name in ("ls", "cp", "cat", "stat", "rm", "mv", "sign", "config", "doctor", "init"):
        assert f" {name} " in outcome.text
    assert "Exit codes" in outcome.text


@pytest.mark.parametrize(
    "words",
    [["ls"], ["cp"], ["cat"], ["stat"], ["rm"], ["mv"], ["sign"], ["config", "show"], ["doctor"],
     ["init"]],
)  # fmt: skip
def test_every_command_has_the_shared_options(run: Run, words: list[str]) -> None:
    """So they can stand anywhere on the line."""
    text = run(*words, "--help").text
    for option in ("--profile", "--json", "--quiet", "--verbose"):
        assert option in text


def test_the_help_of_a_command_says_where_another_programs_line_begins(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its paragraphs break where the terminal ends, not where our lines do."""
    monkeypatch.setenv("COLUMNS", "80")
    shown = run("queue", "consume", "--help").text
    assert "portable queue consume [OPTIONS] -- COMMAND…" in shown
    assert "in the end to the dead letters." in shown
    assert "portable emulate [OPTIONS] [PROVIDER]... [-- COMMAND…]" in run("emulate", "--help").text


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('regoin = "eu"', "unknown setting 'regoin' (did you mean 'region' or 'engine'?)"),
        (
            "timeout = 3",
            "unknown setting 'timeout' (did you mean 'read_timeout' or 'connect_timeout'?)",
        ),
        ("zzz = 3", "unknown setting 'zzz'"),
    ],
)
def test_an_unknown_setting_is_told_with_what_is_near_and_where_the_rest_is_listed(
    run: Run, folder: Path, line: str, said: str
) -> None:
    """aws has more than thirty, too many to read."""
    (folder / "portable.toml").write_text(f'[a]\nprovider = "aws"\n{line}\nstorage.bucket = "acme"')
    outcome = run("ls")
    assert outcome.code == 2
    (told,) = (each for each in outcome.err.splitlines() if "unknown setting" in each)
    assert told.endswith(f"{said}; docs/configuration.md lists the settings of each provider")
