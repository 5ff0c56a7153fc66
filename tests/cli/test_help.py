"""What `--help` says, of every command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from portable.cli.app import app
from tests.cli.conftest import Run


def paths(command: Any, *before: str) -> Iterator[tuple[str, ...]]:
    """The words of each command, groups included."""
    yield before
    for name, below in getattr(command, "commands", {}).items():
        yield from paths(below, *before, name)


@pytest.mark.parametrize("words", list(paths(typer.main.get_command(app))), ids=" ".join)
def test_every_command_tells_how_it_is_used(run: Run, words: tuple[str, ...]) -> None:
    """Its arguments in capitals, each in brackets once where it may be left out."""
    outcome = run(*words, "--help")
    assert outcome.code == 0
    (usage,) = (line.strip() for line in outcome.lines if line.strip().startswith("Usage:"))
    assert usage.startswith(" ".join(("Usage: portable", *words, "[OPTIONS]")))
    assert not re.search(r"\[\[|\[OPTIONS\].*[a-z]", usage)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lst"], "No such command 'lst'. Did you mean 'ls'?"),
        (["get", "k"], "No such command 'get': `portable cp portable://KEY FILE` fetches"),
        (["put", "f", "k"], "No such command 'put': `portable cp FILE portable://KEY` stores"),
        (["queue", "sned"], "Did you mean 'send'?"),
        (["instances", "creat"], "Did you mean 'create'?"),
        (["ls", "--recurse"], "Possible options: --recursive"),
        (["config", "shw"], "Did you mean 'show'?"),
    ],
)
def test_a_slip_is_told_with_what_was_meant(run: Run, words: list[str], said: str) -> None:
    """On two lines, and with no traceback."""
    outcome = run(*words)
    assert (outcome.code, outcome.exception) == (2, None)
    assert said in outcome.err
    assert len(outcome.err.splitlines()) == 2
