"""Which profile is used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from portable.config import configure, describe, profile, resolve_storage
from portable.errors import ConfigError

Write = Callable[[str], Path]

TWO = """
[alpha]
storage = "memory://alpha"
[beta]
storage = "memory://beta"
"""


def test_with_nothing_configured_the_local_provider_works(folder: Path) -> None:
    resolved = resolve_storage()
    assert (resolved.adapter.name, resolved.profile, resolved.file) == ("local", "local", None)
    assert resolved.settings.url == f"file://{folder}/.portable/storage"
    assert describe().chosen == "built in"


def test_an_empty_file_is_as_no_file(write: Write) -> None:
    write("")
    assert resolve_storage().adapter.name == "local"


def test_the_default_of_the_file_is_used(write: Write) -> None:
    write('default = "beta"\n' + TWO)
    assert resolve_storage().profile == "beta"
    assert describe().chosen == "portable.toml default"


def test_an_only_profile_is_the_default(write: Write) -> None:
    write('[alpha]\nstorage = "memory://alpha"\n')
    assert resolve_storage().profile == "alpha"
    assert describe().chosen == "the only profile of portable.toml"


def test_several_profiles_without_a_default_are_an_error(write: Write) -> None:
    """Not the built-in profile: data would go where nobody looks for it."""
    path = write(TWO)
    with pytest.raises(ConfigError) as caught:
        resolve_storage()
    assert str(caught.value) == (
        f"{path} has several profiles and no default: write default = 'alpha' at its top, or set "
        "PORTABLE_PROFILE to one of 'alpha', 'beta'"
    )


def test_the_environment_chooses_before_the_file(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write('default = "beta"\n' + TWO)
    monkeypatch.setenv("PORTABLE_PROFILE", "alpha")
    assert resolve_storage().profile == "alpha"
    assert describe().chosen == "environment PORTABLE_PROFILE"
    monkeypatch.setenv("PORTABLE_PROFILE", "")
    assert resolve_storage().profile == "beta"


def test_code_chooses_before_the_environment_and_a_block_before_all(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write('default = "beta"\n' + TWO)
    monkeypatch.setenv("PORTABLE_PROFILE", "alpha")
    configure(profile="beta")
    assert describe().chosen == "configure(profile='beta')"
    with profile("memory"):
        assert describe().chosen == "with profile('memory')"
        assert resolve_storage().profile == "memory"
    assert resolve_storage().profile == "beta"


def test_an_adapters_name_is_a_profile_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTABLE_PROFILE", "nimbus")
    monkeypatch.setenv("PORTABLE_STORAGE_BUCKET", "acme")
    resolved = resolve_storage()
    assert (resolved.adapter.name, resolved.settings.url) == ("nimbus", "nim://acme")


def test_a_profile_of_an_adapters_name_is_the_files(write: Write) -> None:
    write('[memory]\nstorage = "nim://acme"\n')
    with profile("memory"):
        assert resolve_storage().adapter.name == "nimbus"


def test_an_unknown_profile_gives_the_nearest_and_all(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(TWO)
    monkeypatch.setenv("PORTABLE_PROFILE", "alpah")
    with pytest.raises(ConfigError) as caught:
        resolve_storage()
    assert str(caught.value) == (
        "environment PORTABLE_PROFILE: there is no profile 'alpah' (did you mean 'alpha'?); "
        f"{path} has 'alpha', 'beta', and these providers need none: "
        "'bare', 'local', 'memory', 'nimbus'"
    )


def test_an_unknown_profile_without_a_file_says_there_is_none() -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'nimbus'.*there is no portable\.toml"):
        configure(profile="nimbos")


def test_a_default_that_is_no_profile_is_named(write: Write) -> None:
    write('default = "gamma"\n' + TWO)
    with pytest.raises(ConfigError, match=r"portable\.toml default: there is no profile 'gamma'"):
        resolve_storage()
