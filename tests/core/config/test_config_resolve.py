"""From file, environment and code to checked settings with their origins."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portable.config import configure, profile, resolve_storage
from portable.errors import ConfigError

Write = Callable[[str], Path]

ACME = """
default = "acme"
[acme]
provider = "nimbus"
region = "eu"
storage = { bucket = "acme-ml", prefix = "team-a" }
[acme.buckets]
datasets = { bucket = "acme-data" }
archive = "nim://acme-old/2025?tier=cold"
scratch = "memory://scratch"
keep = { provider = "memory", name = "kept" }
[acme.queue]
anything = { goes = ["here", 1] }
[acme.computes]
gpu = "ray://somewhere"
"""


def _settings(name: str | None = None) -> Any:
    return resolve_storage(name).settings


def test_a_table_and_what_the_profile_shares_become_settings(write: Write) -> None:
    path = write(ACME)
    resolved = resolve_storage()
    assert resolved.settings.url == "nim://acme-ml/team-a"
    assert resolved.settings == type(_settings())(bucket="acme-ml", prefix="team-a", region="eu")
    assert resolved.origins["bucket"] == "portable.toml [acme] storage.bucket"
    assert resolved.origins["region"] == "portable.toml [acme] region"
    assert resolved.origins["tier"] == "default"
    assert (resolved.profile, resolved.file) == ("acme", str(path))


def test_a_url_is_short_for_a_table(write: Write) -> None:
    write('[acme]\nprovider = "nimbus"\nregion = "eu"\nstorage = "nim://acme-ml/a?retries=7"\n')
    resolved = resolve_storage()
    assert resolved.settings == type(_settings())(
        bucket="acme-ml", prefix="a", retries=7, region="eu"
    )
    assert resolved.origins["retries"] == "portable.toml [acme] storage"


@pytest.mark.parametrize(
    ("name", "url", "region"),
    [
        ("datasets", "nim://acme-data", "eu"),
        ("archive", "nim://acme-old/2025", "eu"),
        ("scratch", "memory://scratch", None),
        ("keep", "memory://kept", None),
        ("nim://other/x", "nim://other/x", "eu"),
        ("nim://other/x?region=us", "nim://other/x", "us"),
        ("memory://other", "memory://other", None),
    ],
)
def test_a_bucket_by_name_or_url_shares_with_its_own_provider_only(
    write: Write, name: str, url: str, region: str | None
) -> None:
    """A named bucket doesn't take settings of the profile's storage, such as its prefix."""
    write(ACME)
    found = _settings(name)
    assert found.url == url
    assert getattr(found, "region", None) == region


def test_an_unknown_bucket_gives_the_nearest_and_all(write: Write) -> None:
    path = write(ACME)
    with pytest.raises(ConfigError) as caught:
        resolve_storage("dataset")
    assert str(caught.value) == (
        f"profile 'acme', in {path}, can't be used:\n"
        "  portable.toml [acme] buckets: there is no bucket 'dataset' (did you mean 'datasets'?); "
        "there is 'archive', 'datasets', 'keep', 'scratch', and a URL needs none"
    )


def test_the_storage_table_may_name_its_own_provider(write: Write) -> None:
    write('[acme]\nprovider="nimbus"\nregion="eu"\nstorage={provider="memory", name="x"}\n')
    assert resolve_storage().settings.url == "memory://x"


def test_a_profile_without_a_provider_may_have_a_url(write: Write) -> None:
    write('[mixed]\nstorage = "nim://acme"\n')
    assert resolve_storage().settings.url == "nim://acme"


def test_the_environment_changes_single_settings(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(ACME)
    monkeypatch.setenv("PORTABLE_STORAGE_BUCKET", "other")
    monkeypatch.setenv("PORTABLE_STORAGE_DEADLINE", "2.5")
    monkeypatch.setenv("PORTABLE_STORAGE_PUBLIC", "yes")
    monkeypatch.setenv("PORTABLE_STORAGE_REGION", "")
    found = resolve_storage()
    assert found.settings == type(_settings())(
        bucket="other", prefix="team-a", region="eu", deadline=2.5, public=True
    )
    assert found.origins["bucket"] == "environment PORTABLE_STORAGE_BUCKET"
    assert _settings("datasets").bucket == "acme-data"


def test_a_url_in_the_environment_replaces_the_storage(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(ACME)
    monkeypatch.setenv("PORTABLE_STORAGE", "nim://other")
    monkeypatch.setenv("PORTABLE_STORAGE_TIER", "cold")
    found = resolve_storage()
    assert found.settings == type(_settings())(bucket="other", region="eu", tier="cold")
    assert found.origins["bucket"] == "environment PORTABLE_STORAGE"


def test_a_url_in_the_environment_mends_a_profile_without_storage(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("[acme]\n")
    monkeypatch.setenv("PORTABLE_STORAGE", "memory://x")
    assert resolve_storage().settings.url == "memory://x"


def test_code_changes_single_settings_over_the_environment(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(ACME)
    monkeypatch.setenv("PORTABLE_STORAGE_RETRIES", "5")
    monkeypatch.setenv("PORTABLE_STORAGE_TIER", "cold")
    configure(storage={"retries": 9, "region": None})
    found = resolve_storage()
    assert found.settings == type(_settings())(
        bucket="acme-ml", prefix="team-a", retries=9, tier="cold"
    )
    assert found.origins["retries"] == "configure(storage=…)"


@pytest.mark.parametrize(
    "storage", ["memory://mine", {"provider": "memory", "name": "mine", "prefix": ""}]
)
def test_code_that_names_a_provider_replaces_everything(
    write: Write, monkeypatch: pytest.MonkeyPatch, storage: str | dict[str, object]
) -> None:
    write(ACME)
    monkeypatch.setenv("PORTABLE_STORAGE", "nim://other")
    monkeypatch.setenv("PORTABLE_STORAGE_TIER", "cold")
    configure(storage=storage)
    assert resolve_storage().settings.url == "memory://mine"


def test_a_profile_chosen_in_code_takes_nothing_from_the_environment(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write('[other]\nstorage = "memory://a"\n' + ACME.replace('default = "acme"', ""))
    monkeypatch.setenv("PORTABLE_PROFILE", "other")
    monkeypatch.setenv("PORTABLE_STORAGE", "memory://x")
    monkeypatch.setenv("PORTABLE_STORAGE_NAME", "y")
    monkeypatch.setenv("PORTABLE_STORAGE_UNHEARD_OF", "z")
    with profile("acme"):
        assert resolve_storage().settings.url == "nim://acme-ml/team-a"
    configure(profile="acme")
    assert resolve_storage().settings.url == "nim://acme-ml/team-a"
    configure(profile="acme", storage={"bucket": "mine"})
    assert resolve_storage().settings.url == "nim://mine/team-a"


def test_a_block_takes_nothing_from_configure(write: Write) -> None:
    write(ACME)
    configure(storage="memory://mine")
    with profile("acme"):
        assert resolve_storage().settings.url == "nim://acme-ml/team-a"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[p]\nprovider="local"\nstorage={path="data"}', "{folder}/data"),
        ('[p]\nprovider="local"\nstorage={path="../data"}', "{folder}/../data"),
        ('[p]\nprovider="local"\npath="data"', "{folder}/data"),
        ('[p]\nprovider="local"\nstorage={path="~/data"}', "{home}/data"),
        ('[p]\nprovider="local"\nstorage={path="/data"}', "/data"),
        ('[p]\nstorage="file:///data"', "/data"),
        ('[p]\nprovider="local"', "{folder}/.portable/storage"),
    ],
)
def test_a_relative_path_in_a_file_is_against_the_files_folder(
    write: Write, folder: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str
) -> None:
    write(text)
    here = folder / "sub"
    here.mkdir()
    monkeypatch.chdir(here)
    home = folder.parent / "home"
    assert _settings().path == expected.format(folder=folder, home=home)


def test_a_relative_path_from_elsewhere_is_against_the_working_directory(
    write: Write, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTABLE_STORAGE_PATH", "data")
    assert _settings().path == f"{folder}/data"
    configure(storage={"path": Path("mine")})
    assert _settings().path == f"{folder}/mine"


def test_all_problems_come_in_one_error_each_with_its_place(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(
        """
        [acme]
        provider = "nimbus"
        regoin = "eu"
        storage = { bukcet = "x", retries = "three", tier = "hott", deadline = -1 }
        """
    )
    monkeypatch.setenv("PORTABLE_STORAGE_PUBLIC", "maybe")
    monkeypatch.setenv("PORTABLE_STORAGE_ENDPONT", "https://host")
    with pytest.raises(ConfigError) as caught:
        resolve_storage()
    takes = (
        "'nimbus' takes 'attempts', 'bucket', 'concurrency', 'deadline', 'endpoint', 'prefix', "
        "'public', 'region', 'retries', 'tier', 'trusting'"
    )
    assert str(caught.value).splitlines() == [
        f"profile 'acme', in {path}, can't be used:",
        "  portable.toml [acme] regoin: unknown setting 'regoin' (did you mean 'region'?); "
        + takes,
        (
            "  portable.toml [acme] storage.bukcet: unknown setting 'bukcet' "
            f"(did you mean 'bucket'?); {takes}"
        ),
        "  portable.toml [acme] storage.retries: 'retries' must be a whole number, not 'three'",
        (
            "  portable.toml [acme] storage.tier: 'tier' must be 'hot' or 'cold', not 'hott' "
            "(did you mean 'hot'?)"
        ),
        "  environment PORTABLE_STORAGE_PUBLIC: 'public' must be true or false, not 'maybe'",
        (
            "  environment PORTABLE_STORAGE_ENDPONT: unknown setting 'endpont' "
            f"(did you mean 'endpoint'?); {takes}"
        ),
        "  portable.toml [acme] storage: 'bucket' is missing: add it (text), or set PORTABLE_STORAGE_BUCKET",
    ]


def test_a_table_of_buckets_without_its_s_is_near_the_right_one(write: Write) -> None:
    write('[acme]\nprovider = "nimbus"\n[acme.bucket]\ndatasets = "nim://x"\n')
    with pytest.raises(ConfigError, match=r"text, not a table \(did you mean 'buckets'\?\)"):
        resolve_storage()


def test_what_the_settings_find_comes_with_the_others(write: Write) -> None:
    write(
        """
        [acme]
        provider = "nimbus"
        storage = { bucket = "x", deadline = -1, concurrency = 1000, retries = 1.5 }
        """
    )
    with pytest.raises(ConfigError) as caught:
        resolve_storage()
    assert str(caught.value).splitlines()[1:] == [
        "  portable.toml [acme] storage.retries: 'retries' must be a whole number, not 1.5",
        "  portable.toml [acme] storage.deadline: 'deadline' must be above 0 seconds; it is -1.0",
        (
            "  portable.toml [acme] storage.concurrency: 'concurrency' must be from 1 to 256; "
            "it is 1000"
        ),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[p]\nprovider="nimbsu"', r"\[p\] provider: there is no adapter 'nimbsu' \(did you mean"),
        ("[p]\nprovider=3", r"\[p\] provider: must be an adapter's name, not 3"),
        ("[p]", r"\[p\] storage: no provider is named: .* installed: 'bare', 'local'"),
        ('[p]\nregion="eu"\nstorage="memory://"', "the profile names none: add `provider`"),
        ('[p]\nprovidr="local"\nstorage="memory://"', r"\(did you mean 'provider'\?\)"),
        ('[p]\nprovider="memory"\nstorag={}', r"unknown setting 'storag' \(did you mean 'storage'"),
        ('[p]\nprovider="memory"\nstorage="x"', r"\[p\] storage: must be a table or a URL .*'x'"),
        ('[p]\nprovider="memory"\nstorage=1', r"\[p\] storage: must be a table or a URL .*not 1"),
        ('[p]\nprovider="memory"\nstorage=[]', "not a list"),
        (
            '[p]\nprovider="memory"\nstorage={provider="x"}',
            r"storage.provider: there is no adapter",
        ),
        ('[p]\nprovider="memory"\nstorage={name={a=1}}', "'name' must be text, not a table"),
        ('[p]\nprovider="memory"\nstorage={name=2026-11-22}', "'name' must be text, not a date"),
        ('[p]\nprovider="bare"', "provider 'bare' has no storage"),
        ('[p]\nprovider="local"\nstorage={path=""}', "'path' must be a path, not ''"),
        (
            '[p]\nprovider="local"\nstorage={path="~nobody-here/x"}',
            "'path' no home folder is known",
        ),
        ('[p]\nstorage="nim://acme?regoin=eu"', r"\[p\] storage: unknown setting 'regoin'"),
        ('[p]\nstorage="nimm://acme"', r"\[p\] storage: URL nimm://acme: no adapter has URLs"),
    ],
)
def test_each_mistake_in_a_profile_has_its_own_words(write: Write, text: str, problem: str) -> None:
    write(text)
    with pytest.raises(ConfigError, match=problem):
        resolve_storage()


def test_buckets_that_are_no_table_are_an_error(write: Write) -> None:
    write('[p]\nprovider="memory"\nbuckets="memory://x"')
    with pytest.raises(ConfigError, match=r"\[p\] buckets: must be a table, not 'memory://x'"):
        resolve_storage("x")


def test_a_setting_for_code_is_refused_elsewhere(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lowers a guard doesn't come along with a checkout, an environment or a URL."""
    write('[p]\nprovider = "nimbus"\nstorage = { bucket = "acme", trusting = true }\n')
    only = r": 'trusting' can only be set in code, .* portable\.configure\(storage={'trusting': …"
    with pytest.raises(ConfigError, match=r"\[p\] storage\.trusting" + only):
        resolve_storage()
    with pytest.raises(ConfigError, match=r"URL nim://acme\?trusting=true" + only):
        resolve_storage("nim://acme?trusting=true")
    write('[p]\nprovider = "nimbus"\nstorage = { bucket = "acme" }\n')
    configure(storage={"trusting": True})
    assert _settings().trusting is True
    configure()
    monkeypatch.setenv("PORTABLE_STORAGE_TRUSTING", "true")
    with pytest.raises(ConfigError, match="environment PORTABLE_STORAGE_TRUSTING" + only):
        resolve_storage()


def test_a_required_setting_that_is_missing_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PORTABLE_PROFILE", "nimbus")
    with pytest.raises(ConfigError) as caught:
        resolve_storage()
    assert str(caught.value) == (
        "profile 'nimbus', which is in no file, can't be used:\n"
        "  profile 'nimbus' storage: 'bucket' is missing: write [nimbus] with provider and "
        "storage.bucket (text) into portable.toml (`portable init --provider nimbus` writes one), "
        "or set PORTABLE_STORAGE_BUCKET"
    )


def test_where_a_setting_is_to_be_written_is_the_file_that_there_is(write: Write) -> None:
    """`portable init` would replace it."""
    path = write(ACME)
    missing = re.escape(f"write [nimbus] with provider and storage.bucket (text) into {path}")
    with profile("nimbus"), pytest.raises(ConfigError, match=f"'bucket' is missing: {missing}$"):
        resolve_storage()


scalars = (
    st.text(max_size=20)
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.none()
    | st.sampled_from(["nim://acme", "memory://", "file:///x", "~", "x" * 5000])
)
keys = st.text(max_size=12) | st.sampled_from(
    [
        "provider",
        "storage",
        "buckets",
        "queue",
        "bucket",
        "region",
        "prefix",
        "deadline",
        "tier",
        "retries",
        "public",
        "path",
        "name",
        "token",
        "default",
        "memory",
        "local",
        "nimbus",
    ]
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(document=st.dictionaries(keys, values, max_size=4), name=st.none() | keys)
def test_any_file_gives_settings_or_a_config_error(
    write: Write, document: dict[str, object], name: str | None
) -> None:
    write("\n".join(f"{_quoted(key)} = {_toml(value)}" for key, value in document.items()))
    try:
        resolved = resolve_storage(name)
    except ConfigError:
        return
    assert resolved.settings.problems() == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.binary(max_size=60) | st.text(alphabet='[]{}"=.\n a1', max_size=60).map(str.encode))
def test_any_bytes_as_a_file_give_settings_or_a_config_error(write: Write, data: bytes) -> None:
    write("").write_bytes(data)
    try:
        resolve_storage()
    except ConfigError:
        return


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(storage=st.dictionaries(keys, values, max_size=5) | st.text(max_size=20))
def test_any_storage_in_code_gives_settings_or_a_config_error(
    storage: dict[str, object] | str,
) -> None:
    try:
        configure(storage=storage)
    except ConfigError:
        return
    resolve_storage()


def _quoted(text: str) -> str:
    escaped = "".join(f"\\U{ord(each):08x}" for each in text if not "\ud800" <= each <= "\udfff")
    return f'"{escaped}"'


def _toml(value: object) -> str:
    match value:
        case None:
            return "2026-11-22"
        case bool():
            return str(value).lower()
        case str():
            return _quoted(value)
        case list():
            return f"[{', '.join(map(_toml, value))}]"
        case dict():
            pairs = (f"{_quoted(key)} = {_toml(item)}" for key, item in value.items())
            return "{" + ", ".join(pairs) + "}"
    return str(value)
