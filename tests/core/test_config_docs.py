"""The page about configuration shows what works, with the adapters of this project."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from portable.config import configure, profile, resolve_storage

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


@pytest.fixture(autouse=True)
def nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in os.environ:
        if name.startswith("PORTABLE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    yield
    configure()


@pytest.mark.parametrize(
    ("chosen", "bucket", "url"),
    [
        ("laptop", None, r"file://.*/\.portable/storage"),
        ("aws", None, "s3://acme-ml/team-a"),
        ("aws", "datasets", "s3://acme-datasets"),
        ("aws", "scratch", "memory://scratch"),
        ("mixed", None, "s3://acme-ml/team-a"),
    ],
)
def test_the_file_on_the_page_works(
    tmp_path: Path, chosen: str, bucket: str | None, url: str
) -> None:
    found = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    (tmp_path / "portable.toml").write_text(found[1], encoding="utf-8")
    with profile(chosen):
        settings = resolve_storage(bucket).settings
    assert re.fullmatch(url, settings.url)
    assert getattr(settings, "region", "eu-west-1") == "eu-west-1"


@pytest.mark.parametrize(
    "url", re.findall(r"^\| `(\S+://\S+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
)
def test_the_urls_on_the_page_work(url: str) -> None:
    assert resolve_storage(url).settings
