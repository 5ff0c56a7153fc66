"""Real processes: pipes, terminals, signals, completion and start-up."""

from __future__ import annotations

import os
import pty
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PORTABLE = [sys.executable, "-m", "portable"]
EVERY_BYTE = bytes(range(256)) * 20_000  # 5 MiB


def run(*words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*PORTABLE, *words], input=given, capture_output=True, check=False)


def test_bytes_through_pipes() -> None:
    """In and out, byte for byte."""
    assert run("cp", "-", "portable://k", given=EVERY_BYTE).returncode == 0
    for words in (["cat", "k"], ["cp", "portable://k", "-"]):
        result = run(*words)
        assert (result.returncode, result.stdout, result.stderr) == (0, EVERY_BYTE, b"")


def test_the_installed_command_is_the_same() -> None:
    """`portable` and `python -m portable`."""
    script = Path(sys.executable).with_name("portable")
    if not script.exists():
        pytest.skip("the package isn't installed with its script")
    result = subprocess.run([script, "ls", "--nope"], capture_output=True, check=False)
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.startswith(b"error: No such option")
    assert run("ls", "--nope").stderr == result.stderr


@pytest.mark.parametrize("command", ["cat k", "ls -r", "ls -lr", "ls -r --json"])
def test_a_reader_that_goes_away_is_no_error(command: str) -> None:
    """Nothing on stderr; the code is the one that a shell's own tools have."""
    run("cp", "-", "portable://k", given=EVERY_BYTE)
    words = [*PORTABLE, *command.split()]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGINT, 130, b"error: interrupted\n"), (signal.SIGTERM, 143, b"")],
)
def test_a_signal_ends_a_copy_and_leaves_nothing(
    folder: Path, number: signal.Signals, code: int, said: bytes
) -> None:
    """Its parts are dropped too."""
    words = [*PORTABLE, "cp", "-", "portable://k"]
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell's background jobs, and all that they start, ignore the interrupt.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        assert process.stdin
        assert process.stderr
        process.stdin.write(bytes(20 * 1024**2))  # more than one part: an upload is open
        process.stdin.flush()
        time.sleep(0.3)
        process.send_signal(number)
        assert (process.wait(20), process.stderr.read()) == (code, said)
        process.stdin.close()
    assert run("ls", "-r").stdout == b""
    staging = folder / ".portable" / "storage" / "%portable" / "staging"
    assert not [path for path in staging.rglob("*") if path.is_file()]


def test_a_full_disk_under_standard_output() -> None:
    """One error and exit code 1, whatever the interpreter does at its end."""
    run("cp", "-", "portable://k", given=b"1")
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run([*PORTABLE, "ls"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert (result.returncode, result.stderr.count(b"\n")) == (1, 1)
    assert b"No space left" in result.stderr


def test_letters_that_a_terminal_lacks() -> None:
    """They are escaped; the listing goes on."""
    run("cp", "-", "portable://é", given=b"1")
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    result = subprocess.run([*PORTABLE, "ls"], env=environment, capture_output=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"\\xe9\n", b"")


def on_a_terminal(*words: str, stream: str) -> tuple[int, str]:
    """Run with *stream* on a terminal; return the exit code and what was shown."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    try:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | {stream: theirs}
        process = subprocess.Popen([*PORTABLE, *words], env=environment, **streams)  # type: ignore[call-overload]
        shown = bytearray()
        while process.poll() is None or select.select([ours], [], [], 0.1)[0]:
            if select.select([ours], [], [], 0.1)[0]:
                shown += os.read(ours, 65536)
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()
        return process.returncode, shown.decode()
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_bar_for_large_transfers_only(folder: Path) -> None:
    """On a terminal, both ways; not with -q or --json."""
    (folder / "large").write_bytes(EVERY_BYTE)
    (folder / "small").write_bytes(b"x")
    for source, target in (("large", "portable://large"), ("portable://large", "down")):
        code, shown = on_a_terminal("cp", source, target, stream="stderr")
        assert code == 0
        assert "MiB" in shown
    for option in ("-q", "--json"):
        down = ("cp", option, "portable://large", "down")
        assert on_a_terminal(*down, stream="stderr") == (0, "")
    assert "MiB" not in on_a_terminal("cp", "small", "portable://small", stream="stderr")[1]


def test_a_table_on_a_terminal() -> None:
    """With a head, and control characters shown as what they are."""
    run("cp", "-", "portable://a/b.txt", given=b"1")
    code, shown = on_a_terminal("ls", "-lr", stream="stdout")
    assert code == 0
    assert "modified" in shown
    assert "a/b.txt" in shown


def test_an_error_is_red_on_a_terminal_only() -> None:
    """And without a box around it."""
    assert "\x1b[1;31merror: \x1b[0m" in on_a_terminal("stat", "k", stream="stderr")[1]
    assert b"\x1b" not in run("stat", "k").stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They call the command by its name, also when it is run as a module."""
    monkeypatch.setenv("_PORTABLE_COMPLETE", f"source_{shell}")
    result = run()
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"_PORTABLE_COMPLETE" in result.stdout
    assert b"portable" in result.stdout


def completed(words: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is offered for the last of *words*, as bash asks for it."""
    for name, value in {
        "_PORTABLE_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }.items():
        monkeypatch.setenv(name, value)
    done = run()
    assert done.stderr == b""
    return done.stdout.decode().split()


def test_completion_knows_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    assert completed("portable c", monkeypatch) == ["cat", "cp", "cancel", "config"]


def test_completion_knows_profiles_and_providers(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Profiles wherever the option stands, of the file that is found."""
    (folder / "portable.toml").write_text('[az]\nprovider = "azure"\n[mine]\nprovider = "aws"\n')
    assert completed("portable --profile a", monkeypatch) == ["az", "aws", "azure"]
    assert completed("portable ls -l --profile mi", monkeypatch) == ["mine"]
    assert completed("portable init --provider az", monkeypatch) == ["azure"]
    assert completed("portable emulate aws dig", monkeypatch) == ["digitalocean"]


def test_completion_of_a_broken_configuration_says_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "portable.toml").write_text("[mine")
    assert completed("portable --profile m", monkeypatch) == ["memory"]


def test_the_library_doesnt_import_the_command_lines_libraries() -> None:
    """`import portable` has 50 ms; Typer and rich alone take more."""
    code = (
        "import sys, portable, portable.cli; "
        "sys.exit(any(name in sys.modules for name in ('typer', 'rich', 'boto3')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_help_is_quick() -> None:
    """In processor time, since the machine may be busy. Half a second is the aim."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert run("--help").returncode == 0
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 1.5
