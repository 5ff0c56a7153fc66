"""Exit codes and how errors are told."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from portable import errors
from portable.cli.failures import EXIT_CODES, exit_code, tell
from portable.errors import PortableError
from portable_memory.storage import MemoryStorage
from tests.cli.conftest import Run

CODES = {
    "PortableError": 1,
    "NotFound": 3,
    "BucketNotFound": 3,
    "QueueNotFound": 3,
    "InstanceNotFound": 3,
    "JobNotFound": 3,
    "AlreadyExists": 5,
    "PreconditionFailed": 5,
    "ObjectChanged": 5,
    "PermissionDenied": 4,
    "Unauthenticated": 4,
    "CredentialsExpired": 4,
    "ClockSkew": 4,
    "InvalidArgument": 2,
    "InvalidKey": 2,
    "InvalidType": 2,
    "EndpointRefused": 1,
    "Throttled": 6,
    "QuotaExceeded": 1,
    "NoCapacity": 6,
    "JobFailed": 1,
    "NoSpace": 1,
    "Unavailable": 6,
    "DeadlineExceeded": 6,
    "IntegrityError": 1,
    "OutcomeUnknown": 1,
    "NotAllSent": 1,
    "LeaseLost": 1,
    "Unsupported": 1,
    "ConfigError": 2,
    "MissingDependency": 1,
}


def whole_tree(kind: type[PortableError] = PortableError) -> Iterator[type[PortableError]]:
    yield kind
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from whole_tree(below)


@pytest.mark.parametrize("kind", dict.fromkeys(whole_tree()))
def test_every_error_has_its_exit_code(
    run: Run, monkeypatch: pytest.MonkeyPatch, kind: type[PortableError]
) -> None:
    """A new error has to be decided about here."""

    def fail(*_: object) -> None:
        raise kind("no", retryable=False)

    monkeypatch.setattr(MemoryStorage, "stat", fail)
    outcome = run("--profile", "memory", "stat", "k")
    assert (outcome.code, outcome.text) == (CODES[kind.__name__], "")
    assert outcome.err.startswith("error: stat memory://default/k: no [memory]\n")
    assert "Traceback" not in outcome.err


def test_the_table_has_nothing_else() -> None:
    """Each row is a class of the tree."""
    assert set(CODES) == {kind.__name__ for kind in whole_tree()}
    assert {exit_code(kind("x")) for kind in EXIT_CODES} == {2, 3, 4, 5, 6}


def test_an_error_for_programs(run: Run) -> None:
    """One document on stderr, and nothing on stdout."""
    for words in (["--json", "stat", "k"], ["stat", "--json", "k"], ["stat", "k", "--json"]):
        outcome = run("--profile", "memory", *words)
        assert (outcome.code, outcome.text) == (3, "")
        assert json.loads(outcome.err) == {
            "error": {
                "type": "NotFound",
                "message": "no such object",
                "provider": "memory",
                "operation": "stat",
                "resource": "memory://default/k",
                "retryable": False,
            }
        }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nope"], "No such command 'nope'"),
        (["ls", "--nope"], "No such option: --nope"),
        (["stat"], "Missing argument"),
        (["sign", "k", "--expires", "soon"], "'soon' is no time"),
        (["--profile", "nope", "ls"], "--profile: there is no profile 'nope'"),
        (["ls", "nope://x"], "no adapter has URLs that begin with 'nope://'"),
        (["ls", "memory://x?nope=1"], "unknown setting 'nope'"),
        (["doctor", "--json", "a", "b"], "unexpected extra argument"),
        (["run", "echo", "hi"], "comes after --: portable run … -- COMMAND"),
        (["run", "python", "x.py", "--epochs", "3"], "comes after --: portable run … -- COMMAND"),
        (["queue", "consume", "cat"], "comes after --: portable queue consume … -- COMMAND"),
    ],
)
def test_a_line_that_cant_be_used(run: Run, words: list[str], said: str) -> None:
    """Exit code 2, in words and in JSON."""
    outcome = run(*words)
    assert (outcome.code, outcome.text) == (2, "")
    assert said in outcome.err
    document = json.loads(run("--json", *words).err)["error"]
    assert said in document["message"]
    assert document["retryable"] is False


def test_a_url_that_cant_be_used_is_shown_as_written(run: Run) -> None:
    """Not as the bucket that is opened, and no profile is blamed."""
    assert run("stat", "memory://x/k?nope=1").err.startswith(
        "error: the URL can't be used:\n  URL memory://x/k?nope=1: unknown setting 'nope'"
    )
    secret = run("stat", "memory://x/k?token=hunter2").err
    assert "URL memory://x/k?token=…: setting 'token' is a secret" in secret
    assert "hunter2" not in secret


def test_a_traceback_only_when_asked_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a bug says that it is one."""

    def bug(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(MemoryStorage, "stat", bug)
    short = run("--profile", "memory", "stat", "k")
    assert (short.code, short.err.splitlines()[0]) == (1, "error: ZeroDivisionError: oops")
    assert "bug in portable" in short.err
    assert "Traceback" not in short.err
    assert "Traceback" in run("-v", "--profile", "memory", "stat", "k").err
    assert "Traceback" in run("stat", "-v", "--profile", "memory", "k").err


def test_no_secret_of_a_url_is_repeated(run: Run) -> None:
    """Neither in words, nor in JSON, nor in a traceback."""
    for words in ([], ["--json"], ["-v"]):
        for url in (
            "s3://AKIAIOSFODNN7EXAMPLE:hunter2@acme/k",
            "s3://acme/k?aws_secret_access_key=hunter2",
        ):
            outcome = run("stat", url, *words)
            assert outcome.code == 2
            assert "hunter2" not in outcome.err


@pytest.mark.parametrize("group", ["queue", "config", "instances"])
def test_a_group_alone_shows_its_help_and_no_empty_error(run: Run, group: str) -> None:
    outcome = run(group)
    assert (outcome.code, outcome.err) == (2, "")
    assert "Commands" in outcome.text


def test_a_foreign_keys_control_characters_stay_out_of_errors(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """They could clear the screen, or write what isn't so over it."""
    tell("s3://b/\x1b[2Jkey\x07: one line\nand another", hint="a\x1bb")
    written = capsys.readouterr().err
    assert written == "error: s3://b/\\x1b[2Jkey\\x07: one line\nand another\nhint: a\\x1bb\n"
