"""Two profiles on one line: ``portable://@PROFILE:BUCKET/KEY``."""

from __future__ import annotations

from pathlib import Path

import pytest

import portable
from tests.cli.conftest import Run

TWO = """\
default = "lab"
[lab]
provider = "memory"
storage = { name = "lab", prefix = "team" }
[prod]
provider = "local"
storage = { path = "prod" }
[prod.buckets]
models = { path = "models" }
"""


@pytest.fixture(autouse=True)
def two(folder: Path) -> None:
    """A profile in memory, which is the default, and one of folders."""
    (folder / "portable.toml").write_text(TWO)


def test_cp_from_one_profile_to_another_and_back(run: Run, folder: Path) -> None:
    """Each with its own provider, settings and prefix."""
    assert run("cp", "-", "portable://a.bin", given=b"1").code == 0
    there = run("cp", "portable://a.bin", "portable://@prod:/x/")
    assert (there.code, there.err) == (
        0,
        f"copied memory://lab/team/a.bin to file://{folder}/prod/x/a.bin\n",
    )
    assert run("cp", "portable://@prod:/x/a.bin", "portable://@prod:models/b").code == 0
    assert (folder / "models/b").read_bytes() == b"1"
    assert run("--profile", "prod", "cp", "portable://@models/b", "portable://@lab:/c").code == 0
    assert portable.open_bucket("memory://lab/team").get("c") == b"1"


def test_sync_and_cp_r_between_profiles(run: Run, folder: Path) -> None:
    """Folders, as anywhere."""
    for name in ("runs/7/a", "runs/7/b/c"):
        assert run("cp", "-", f"portable://{name}", given=name.encode()).code == 0
    sent = run("sync", "portable://runs", "portable://@prod:/copy")
    assert (sent.code, sent.err[:12]) == (0, "sent 2 (18 B")
    assert (folder / "prod/copy/7/b/c").read_bytes() == b"runs/7/b/c"
    assert run("cp", "-r", "portable://@prod:/copy", "portable://@prod:models").code == 0
    assert run("ls", "-r", "portable://@prod:models").lines == ["7/a", "7/b/c"]


def test_other_commands_take_it_too(run: Run, folder: Path) -> None:
    """One spelling for all."""
    assert run("cp", "-", "portable://@prod:/k", given=b"1").code == 0
    assert run("cat", "portable://@prod:/k").out == b"1"
    assert run("mv", "portable://@prod:/k", "portable://m").code == 0
    assert not (folder / "prod/k").exists()
    assert run("stat", "--json", "portable://@lab:/m").document["size"] == 1
    assert run("rm", "portable://@lab:/m").code == 0
    assert run("ls", "-r").text == ""


def test_a_provider_is_a_profile_here_too(run: Run, folder: Path) -> None:
    """As with --profile."""
    assert run("cp", "-", "portable://@memory:/k", given=b"1").code == 0
    assert portable.open_bucket("memory://default").get("k") == b"1"


def test_a_named_profile_takes_nothing_from_the_environment(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that is left over in a shell sends nothing elsewhere."""
    monkeypatch.setenv("PORTABLE_STORAGE", "memory://other")
    assert run("cp", "-", "portable://@prod:/k", given=b"1").code == 0
    assert (folder / "prod/k").read_bytes() == b"1"
    assert run("cp", "-", "portable://k", given=b"1").code == 0
    assert portable.open_bucket("memory://other").exists("k")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (
            "portable://@prd:/x",
            "'portable://@prd:…': there is no profile 'prd' (did you mean 'prod'?)",
        ),
        ("portable://@prod:model/x", "there is no bucket 'model' (did you mean 'models'?)"),
        ("portable://@prod/x", "or give a URL; for the profile: portable://@prod:\n"),
        ("portable://@memory/x", "or give a URL; for the profile: portable://@memory:\n"),
        (
            "portable://@pro/x",
            "there is no bucket 'pro', nor any other: add it there, or give a URL\n",
        ),
    ],
)
def test_what_isnt_there_is_told_with_what_is(run: Run, address: str, said: str) -> None:
    """Exit code 2, and nothing was sent."""
    outcome = run("cp", "-", address, given=b"1")
    assert outcome.code == 2
    assert said in outcome.err


def test_one_bucket_through_two_profiles_is_one_bucket(run: Run, folder: Path) -> None:
    """Nothing is copied onto itself, sent into itself, or lost."""
    assert run("cp", "-", "portable://k", given=b"1").code == 0
    assert run("cp", "portable://k", "portable://@lab:/k").code == 0
    moved = run("mv", "portable://k", "portable://@lab:/k")
    assert (moved.code, "may be the same object" in moved.err) == (2, True)
    overlapping = run("sync", "portable://", "portable://@lab:/copy")
    assert (overlapping.code, "overlap" in overlapping.err) == (2, True)
    assert run("ls", "-r").lines == ["k"]


def test_doctor_says_how_a_profile_is_named(run: Run) -> None:
    """It proves a profile, the queue too, and not a place in one."""
    outcome = run("doctor", "portable://@prod:models")
    assert outcome.code == 2
    assert "portable doctor --profile prod models" in outcome.err
