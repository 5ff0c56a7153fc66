"""The page about configuration shows what works, with the adapters of this project."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from portable import discovery
from portable.adapter import ServiceName
from portable.config import configure, profile, resolve_compute, resolve_queue, resolve_storage

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


URLS = PAGE.read_text("utf-8").partition("\n## URLs\n")[2].partition("\n## ")[0]
ROWS = re.findall(r"^\| `([a-z]+)` \|([^|]*)\|([^|]*)\|([^|]*)\|$", URLS, re.MULTILINE)
COLUMNS: Mapping[ServiceName, Callable[[str], Any]] = {
    "storage": resolve_storage,
    "queue": resolve_queue,
    "compute": resolve_compute,
}


@pytest.mark.parametrize(("provider", "cells"), [(row[0], row[1:]) for row in ROWS])
def test_each_provider_on_the_page_has_all_of_its_urls_and_they_work(
    provider: str, cells: tuple[str, ...]
) -> None:
    adapter = discovery.adapter(provider)
    for (name, resolve), cell in zip(COLUMNS.items(), cells, strict=True):
        url = cell.strip(" `")
        service = adapter.service(name)
        assert bool(url) == bool(service)
        if service:
            assert url.partition("://")[0] in {scheme.name for scheme in service.schemes}
            assert resolve(url).adapter == adapter


def test_no_provider_is_missing_from_the_page() -> None:
    assert {row[0] for row in ROWS} == set(discovery.names())
