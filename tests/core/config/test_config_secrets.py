"""Secrets are refused wherever they are written, and never repeated."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from portable.config import configure, describe, profile, resolve_storage
from portable.config.secrets import is_secret_key, looks_secret, shown
from portable.errors import ConfigError

Write = Callable[[str], Path]

VALUES = [
    "AKIAABCDEFGHIJKLMNOP",
    "ASIAABCDEFGHIJKLMNOP",
    "x-AKIAABCDEFGHIJKLMNOP/y",
    "-----BEGIN PRIVATE KEY-----\nhunter2",
    "-----BEGIN RSA PRIVATE KEY-----",
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=hunter2",
    "Endpoint=sb://x;SharedAccessKey=hunter2",
    "SharedAccessSignature=sv=1",
    "https://a.blob.example/c?sv=2026&sig=hunter2",
    "sv=2026&se=1&sig=hunter2",
    "https://b.example/k?X-Amz-Credential=x&X-Amz-Signature=hunter2",
    "https://b.example/k?X-Goog-Signature=hunter2",
    "https://user:hunter2@host",
    "https://user@host",
    "https://:hunter2@host",
    "https://user:hunt/er2@host",
    "https://user:hunt?er2@host",
    "https://user:hunt#er 2@host",
    "https%3A%2F%2Fuser%3Ahunter2%40host",
    '{"type": "service_account", "private_key": "hunter2"}',
    "ghp_0123456789abcdefghij",
    "hf_0123456789abcdefghij",
]


@pytest.mark.parametrize(
    "key",
    [
        "secret",
        "SECRET",
        "password",
        "passwd",
        "token",
        "access_key",
        "access-key",
        "access_key_id",
        "AccessKeyId",
        "secret_access_key",
        "aws_secret_access_key",
        "session_token",
        "sessionToken",
        "account_key",
        "sas",
        "sas_token",
        "connection_string",
        "connectionString",
        "private_key",
        "api_key",
        "apiKey",
        "APIKEY",
        "credential",
        "credentials",
        "client_secret",
        "my-github-token",
        "authorization",
    ],
)
def test_keys_that_mean_secrets_are_known_in_any_spelling(key: str) -> None:
    assert is_secret_key(key)


@pytest.mark.parametrize(
    "key",
    [
        "bucket",
        "prefix",
        "region",
        "profile_name",
        "key_prefix",
        "kms_key_id",
        "max_tokens",
        "tokenizer",
        "author",
        "monkey",
        "token_file",
        "credentials_path",
        "secret_name",
        "password_command",
        "access_key_env",
        "passage",
    ],
)
def test_keys_that_only_sound_alike_or_point_to_secrets_are_none(key: str) -> None:
    assert not is_secret_key(key)


@pytest.mark.parametrize("value", VALUES)
def test_values_with_the_form_of_a_secret_are_hidden(value: str) -> None:
    assert looks_secret(value)
    assert shown(value) == "(hidden)"


@pytest.mark.parametrize(
    "value",
    [
        "acme-ml",
        "runs/AKIA",
        "ASIA-PACIFIC",
        "team@example.com",
        "design=1",
        "s3://b/m@v1",
        "s3://b/m:x@v1",
        "https://host/m@v1",
        "https://host:9000/m@v1",
        5,
        None,
        "d670460b4b4aece5915caf5c68d12f560a9fe3e4",
        "BAKIAABCDEFGHIJKLMNOP",
        "path/to/hf_models",
    ],
)
def test_everyday_values_are_shown(value: object) -> None:
    assert not looks_secret(value)
    assert shown(value) == repr(value)


def test_a_url_as_a_value_is_shown_without_its_secrets() -> None:
    assert shown("https://host/x?token=hunter2#hunter2") == "'https://host/x?token=…'"


def test_a_long_value_is_cut_and_a_huge_number_is_not_written_out() -> None:
    assert shown("x" * 1000) == "'" + "x" * 55 + "…'"
    assert shown(1 << 20_000) == "a number of too many digits"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[p.storage]\nsecret_access_key="{}"', "portable.toml [p] storage.secret_access_key"),
        ('[p]\nsession-token="{}"', "portable.toml [p] session-token"),
        ('[p.buckets]\nx={{api_key="{}"}}', "portable.toml [p] buckets.x.api_key"),
        ('[p.queue]\nconnection_string="{}"', "portable.toml [p] queue.connection_string"),
        ('[p.compute.env]\nHF_TOKEN="{}"', "portable.toml [p] compute.env.HF_TOKEN"),
        ('[p]\nstorage="nim://u:{}@acme"', "portable.toml [p] storage"),
        ('[p]\nstorage="nim://acme?token={}"', "portable.toml [p] storage"),
        ('[p]\nstorage={{endpoint="https://u:{}@host"}}', "portable.toml [p] storage.endpoint"),
        ('[p]\nlist=["a", "https://u:{}@host"]', "portable.toml [p] list"),
    ],
)
def test_a_secret_in_the_file_is_refused_by_its_key(write: Write, text: str, place: str) -> None:
    """Wherever it is, with where this profile's credentials go, and without its value."""
    write(text.format("hunter2"))
    with pytest.raises(ConfigError) as caught:
        resolve_storage()
    _assert_hidden(caught.value)
    assert f"  {place}: " in str(caught.value)
    assert "secrets don't go in the configuration. Credentials: " in str(caught.value)


def test_the_error_has_the_adapters_own_sentence(write: Write) -> None:
    write('[p]\nprovider="nimbus"\nstorage={token="hunter2"}')
    with pytest.raises(ConfigError, match=r"Credentials: run `nimbus login`\."):
        resolve_storage()


def test_a_secret_in_a_profile_that_is_not_used_is_refused_too(write: Write) -> None:
    write('[p]\nprovider="memory"\n[q]\nprovider="nimbus"\nsecret="hunter2"')
    with pytest.raises(ConfigError, match=r"\[q\] secret: secrets don't go") as caught:
        resolve_storage()
    _assert_hidden(caught.value)


def test_a_secret_hides_none_of_the_other_problems(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the file, of the profile, and of its storage; what is hidden isn't missing, too."""
    path = write(
        """
        defualt = "acme"
        [acme]
        provider = "nimbus"
        regoin = "eu"
        token = "hunter2"
        storage = { bucket = "https://u:hunter2@host", retries = "three" }
        [other]
        provider = "nimbus"
        password = 8675309
        """
    )
    monkeypatch.setenv("PORTABLE_PROFILE", "acme")
    monkeypatch.setenv("PORTABLE_STORAGE_PUBLIC", "maybe")
    with pytest.raises(ConfigError) as caught:
        resolve_storage()
    _assert_hidden(caught.value)
    _assert_hidden(caught.value, "8675309")
    first, *lines = str(caught.value).splitlines()
    assert first == f"{path} can't be used:"
    assert [line.partition(": ")[0].strip() for line in lines] == [
        "portable.toml defualt",
        "portable.toml [acme] token",
        "portable.toml [acme] storage.bucket",
        "portable.toml [other] password",
        "portable.toml [acme] regoin",
        "portable.toml [acme] storage.retries",
        "environment PORTABLE_STORAGE_PUBLIC",
    ]


def test_a_url_with_a_secret_hides_none_of_the_other_problems(write: Write) -> None:
    write('[p]\nprovider="nimbus"\nregoin="eu"\nstorage="nim://u:hunter2@acme"')
    with pytest.raises(ConfigError) as caught:
        resolve_storage()
    _assert_hidden(caught.value)
    places = [line.partition(": ")[0] for line in str(caught.value).splitlines()[1:]]
    assert places == ["  portable.toml [p] storage", "  portable.toml [p] regoin"]


@pytest.mark.parametrize("default", ['default = "acne"', ""])
def test_a_secret_doesnt_hide_that_no_profile_can_be_chosen(write: Write, default: str) -> None:
    write(f'{default}\n[acme]\nprovider="nimbus"\ntoken="hunter2"\n[b]\nprovider="memory"')
    with pytest.raises(ConfigError) as caught:
        resolve_storage()
    _assert_hidden(caught.value)
    assert "[acme] token: " in str(caught.value)
    assert ("no profile 'acne'" if default else "no default") in str(caught.value)


def test_a_profile_of_a_file_with_a_secret_is_refused_however_it_is_chosen(write: Write) -> None:
    """Nothing of such a file is ever used; nor does `configure` take it."""
    path = write('default="p"\n[p]\nprovider="memory"\n[q]\nprovider="nimbus"\ntoken="hunter2"')
    with pytest.raises(ConfigError, match=r"\[q\] token: "):
        configure(profile="p")
    with pytest.raises(ConfigError, match=r"\[q\] token: "):
        configure(file=path)
    with profile("p"), pytest.raises(ConfigError, match=r"\[q\] token: "):
        resolve_storage()
    with profile("p"), pytest.raises(ConfigError, match=r"\[q\] token: "):
        resolve_storage("memory://other")
    with profile("p"), pytest.raises(ConfigError, match=r"\[q\] token: ") as caught:
        describe()
    _assert_hidden(caught.value)


def test_a_number_under_a_secret_key_is_refused(write: Write) -> None:
    write("[p]\npassword=8675309")
    with pytest.raises(ConfigError) as caught:
        resolve_storage()
    assert "8675309" not in str(caught.value)


def test_buckets_may_be_named_as_secrets_are(write: Write) -> None:
    write('[p]\nprovider="memory"\nbuckets={tokens="memory://a", token="memory://b"}')
    assert resolve_storage("token").settings.url == "memory://b"


def test_a_secret_as_a_key_is_hidden_as_well(write: Write) -> None:
    write('[p]\nprovider="memory"\nstorage={AKIAABCDEFGHIJKLMNOP="x"}')
    with pytest.raises(ConfigError, match=r"storage\.\(hidden\): unknown") as caught:
        resolve_storage()
    assert "AKIA" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORTABLE_STORAGE_SECRET_ACCESS_KEY", "hunter2"),
        ("PORTABLE_STORAGE_BUCKET", "https://u:hunter2@host"),
        ("PORTABLE_STORAGE", "nim://u:hunter2@acme"),
        ("PORTABLE_STORAGE", "nim://acme?sas=hunter2"),
    ],
)
def test_a_secret_in_a_variable_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("PORTABLE_PROFILE", "nimbus")
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=f"environment {name}: .*nimbus login") as caught:
        resolve_storage()
    _assert_hidden(caught.value)
    assert "hunter2" not in repr(describe())


@pytest.mark.parametrize(
    "storage",
    [
        "nim://u:hunter2@acme",
        "nim://acme?password=hunter2",
        {"provider": "nimbus", "bucket": "b", "Secret-Access-Key": "hunter2"},
        {"provider": "nimbus", "bucket": "AccountKey=hunter2"},
        {"provider": "https://u:hunter2@host"},
    ],
)
def test_a_secret_in_code_is_refused_and_not_kept(storage: str | dict[str, object]) -> None:
    with pytest.raises(ConfigError) as caught:
        configure(storage=storage)
    _assert_hidden(caught.value)
    assert resolve_storage().adapter.name == "local"


@pytest.mark.parametrize("value", VALUES)
def test_no_form_of_a_secret_comes_back_from_the_file(write: Write, value: str) -> None:
    write("[p]\nprovider='memory'\nstorage={name='''" + value + "'''}")
    with pytest.raises(ConfigError, match="looks like a secret") as caught:
        resolve_storage()
    _assert_hidden(caught.value, value)


def _assert_hidden(error: BaseException, value: str = "hunter2") -> None:
    """Not in the error, nor in any that it came from."""
    chain: list[BaseException] = [error]
    while following := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(following)
    for each in chain:
        assert value not in "".join(traceback.format_exception_only(each))
        assert value not in repr(each)
        assert value not in repr(vars(each))
