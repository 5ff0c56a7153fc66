"""What `portable config show` has to show."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from portable.config import configure, describe

Write = Callable[[str], Path]

TEXT = """
[acme]
provider = "nimbus"
region = "eu"
storage = { bucket = "acme-ml" }
[acme.buckets]
good = "memory://good"
bad = "memory://bad?nmae=x"
"""


def test_the_description_has_every_value_with_its_origin(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(TEXT)
    monkeypatch.setenv("PORTABLE_STORAGE_TIER", "cold")
    found = describe()
    assert (found.profile, found.chosen, found.file) == (
        "acme",
        "the only profile of portable.toml",
        str(path),
    )
    assert (found.storage.provider, found.storage.url) == ("nimbus", "nim://acme-ml")
    assert {(each.name, each.value, each.origin) for each in found.storage.settings} == {
        ("prefix", "", "default"),
        ("deadline", 120.0, "default"),
        ("attempts", 6, "default"),
        ("concurrency", 6, "default"),
        ("bucket", "acme-ml", "portable.toml [acme] storage.bucket"),
        ("region", "eu", "portable.toml [acme] region"),
        ("endpoint", None, "default"),
        ("retries", 3, "default"),
        ("tier", "cold", "environment PORTABLE_STORAGE_TIER"),
        ("public", False, "default"),
        ("trusting", False, "default"),
    }


def test_a_bucket_that_cannot_be_used_has_its_problem_instead(write: Write) -> None:
    write(TEXT)
    good, bad = describe().buckets
    assert (good.name, good.url, good.problem) == ("good", "memory://good", "")
    assert (bad.name, bad.url, bad.settings) == ("bad", "", ())
    assert "buckets.bad: unknown setting 'nmae' (did you mean 'name'?)" in bad.problem


def test_a_storage_that_cannot_be_used_has_its_problem_instead(write: Write) -> None:
    write("[acme]\nbuckets = 5\n")
    found = describe()
    assert "no provider is named" in found.storage.problem
    assert found.buckets == ()


def test_the_description_is_json(write: Write) -> None:
    write(TEXT)
    configure(storage={"deadline": 5})
    text = json.dumps(asdict(describe()))
    assert json.loads(text)["storage"]["settings"][0] == {
        "name": "deadline",
        "value": 5.0,
        "origin": "configure(storage=…)",
    }
