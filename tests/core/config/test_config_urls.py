"""URLs of buckets."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from portable.config import resolve_storage
from portable.config.secrets import shown_url
from portable.config.urls import BadURL, parse_url
from portable.errors import ConfigError

Write = Callable[[str], Path]


@pytest.mark.parametrize(
    ("url", "adapter", "expected"),
    [
        ("nim://acme", "nimbus", {"bucket": "acme"}),
        ("NIM://acme/", "nimbus", {"bucket": "acme"}),
        ("nim://acme/team-a/x", "nimbus", {"bucket": "acme", "prefix": "team-a/x"}),
        ("nim://acme/team-a/", "nimbus", {"bucket": "acme", "prefix": "team-a"}),
        ("nim://acme/a%20b%2Fc%23", "nimbus", {"bucket": "acme", "prefix": "a b/c#"}),
        ("nim://acme/m@v1", "nimbus", {"bucket": "acme", "prefix": "m@v1"}),
        ("nim://acme?region=eu&retries=5", "nimbus", {"bucket": "acme", "region": "eu"}),
        ("nim://acme?region=a+b%26c", "nimbus", {"bucket": "acme", "region": "a+b&c"}),
        ("nim:///x", "nimbus", {"prefix": "x"}),
        ("file:///data/my%20files", "local", {"path": "/data/my files"}),
        ("file:///", "local", {"path": "/"}),
        ("file://", "local", {}),
        ("memory://", "memory", {}),
        ("memory://scratch/été", "memory", {"name": "scratch", "prefix": "été"}),
    ],
)
def test_a_url_becomes_settings(url: str, adapter: str, expected: dict[str, str]) -> None:
    found, values = parse_url(url)
    assert found.name == adapter
    assert {**values, **expected} == values


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nimm://acme", r"begin with 'nimm://' \(did you mean 'nim'\?\)"),
        ("://acme", "the scheme before"),
        ("a b://acme", "the scheme before"),
        ("nim://acme#part", "no fragment: write '#' as %23"),
        ("nim://user@acme", "user or password"),
        ("nim://user:hunter2@acme", "user or password"),
        ("nim://acme?region=a&region=b", "'region' is in it twice"),
        ("nim://acme?bucket=b", "'bucket' is in it twice"),
        ("nim://acme?region", "written name=value"),
        ("nim://acme?=eu", "written name=value"),
        ("nim://acme?region=a&&retries=2", "written name=value"),
        ("nim://ac%6de", "can't have % in it"),
        ("nim://acme/%zz", "two hexadecimal digits"),
        ("nim://acme/%ff", "an escape that isn't UTF-8"),
        ("nim://acme/%00", "a control character"),
        ("nim://acme/a\nb", "a control character"),
        ("nim://acme?region=%0a", "a control character"),
        ("file://data/x", "file:///folder, not file://folder"),
        ("nim://acme?secret_access_key=hunter2", "'secret_access_key' is a secret: .*nimbus login"),
        ("nim://acme?Session-Token=hunter2", "'Session-Token' is a secret"),
        ("nim://acme?%73ecret=hunter2", "'secret' is a secret"),
        ("nim://acme?sv=1&sig=hunter2", "'sig' is a secret"),
        ("nim://acme?region=AKIAABCDEFGHIJKLMNOP", "secret"),
        ("nim://acme?endpoint=https://u:hunter2@host", "secret"),
        ("nim://acme?endpoint=https%3A%2F%2Fu%3Ahunter2%40host", "secret"),
        ("nim://acme/AKIAABCDEFGHIJKLMNOP", "secret"),
    ],
)
def test_a_bad_url_is_refused_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(BadURL, match=reason):
        parse_url(url)
    with pytest.raises(ConfigError) as caught:
        resolve_storage(url)
    assert "hunter2" not in str(caught.value)
    assert "AKIA" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("nim://acme/a?region=eu", "nim://acme/a?region=eu"),
        ("nim://u:hunter2@acme/a", "nim://…"),
        ("nim://u:hunt/er2@acme/a", "nim://…"),
        ("nim://acme?password=hunter2&region=eu", "nim://acme?password=…&region=eu"),
        ("nim://acme?sig=hunter2", "nim://acme?sig=…"),
        ("nim://acme#hunter2", "nim://acme"),
        ("nim://acme/AKIAABCDEFGHIJKLMNOP", "nim://…"),
        ("nim://acme/\n", "nim://acme/\\n"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, expected: str) -> None:
    assert shown_url(url) == expected


def test_an_error_about_a_url_names_the_url() -> None:
    """And blames nothing else."""
    words = r"^the URL can't be used:\n  URL nim://acme\?regoin=eu: unknown setting 'regoin'"
    with pytest.raises(ConfigError, match=words):
        resolve_storage("nim://acme?regoin=eu")


def test_a_profile_is_blamed_for_what_a_url_takes_from_it(write: Write) -> None:
    path = write('[p]\nprovider = "nimbus"\nretries = "no"\n')
    with pytest.raises(ConfigError, match=re.escape(f"profile 'p', in {path}, can't be used:")):
        resolve_storage("nim://acme?regoin=eu")


def test_one_error_tells_all_that_is_wrong_with_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused in it hides nothing beside it, and isn't told of twice."""
    url = "nim://acme?token=hunter2&regoin=eu&tier=hot&tier=cold&retries=no&x&public=%zz"
    monkeypatch.setenv("PORTABLE_STORAGE", url)
    for name_or_url in (url, None):
        with pytest.raises(ConfigError) as caught:
            resolve_storage(name_or_url)
        assert "hunter2" not in str(caught.value)
        _, *lines = str(caught.value).splitlines()
        found = (
            "'token' is a secret",
            "'tier' is in it twice",
            "written name=value",
            "two hexadecimal digits",
            "unknown setting 'regoin' (did you mean 'region'",
            "'retries' must be",
        )
        assert len(lines) == len(found)
        for line, words in zip(lines, found, strict=True):
            assert words in line


@pytest.mark.parametrize(
    "url", ["nim://AKIAABCDEFGHIJKLMNOP?regoin=eu", "nim://acme?bucket=token&regoin=eu"]
)
def test_a_required_setting_that_is_refused_isnt_called_missing(url: str) -> None:
    with pytest.raises(ConfigError, match="unknown setting 'regoin'") as caught:
        resolve_storage(url)
    assert "missing" not in str(caught.value)
    assert "AKIA" not in str(caught.value)


pieces = st.lists(
    st.sampled_from(
        [
            "nim",
            "file",
            "memory",
            "://",
            "/",
            "?",
            "&",
            "=",
            "@",
            "#",
            "%",
            "%41",
            "%ff",
            "acme",
            "region",
            "prefix",
            "bucket",
            "deadline",
            "1e400",
            "nan",
            "-1",
            "�",
            "é",
            "~",
        ]
    )
).map("".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    url=st.builds("{}://{}".format, st.sampled_from(["nim", "file", "memory"]), pieces | st.text())
    | pieces.map("{}://".format)
)
@example(url="file:///~nobody-of-this-name/x")
@example(url="nim://a?deadline=" + "9" * 400)
def test_any_url_gives_settings_or_a_config_error(url: str) -> None:
    try:
        resolved = resolve_storage(url)
    except ConfigError:
        return
    assert set(resolved.origins.values()) <= {f"URL {shown_url(url)}", "default"}
