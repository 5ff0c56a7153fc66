"""What can be configured of Compute Engine, and what opening it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from portable import discovery
from portable.compute.driver import Launch  # noqa: F401
from portable.errors import MissingDependency
from portable_gcp import ADAPTER
from portable_gcp.compute_settings import GceSettings

OPENS = """
import sys
import portable_gcp
from portable import open_bucket, open_compute
open_bucket("gs://acme-ml?endpoint=http://127.0.0.1:1")
compute = open_compute("gce://acme-ml/us-east1-b?endpoint=http://127.0.0.1:1")
from portable.discovery import connect_compute
from portable_gcp.compute_settings import GceSettings
driver = connect_compute(portable_gcp.ADAPTER, GceSettings(project="acme-ml", zone="us-east1-b"))
assert driver.capabilities.region == "us-east1"
driver.close()
found = [name for name in sys.modules if name.startswith("google.cloud.compute")]
assert not found, found
"""


def test_sdk_isnt_imported_before_the_first_request(tmp_path: Path) -> None:
    """Its import takes seconds and 160 MB."""
    run = subprocess.run(
        [sys.executable, "-c", OPENS], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_missing_sdk_is_told_when_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"portable-cloud\[gcp\]"):
        discovery.connect_compute(ADAPTER, GceSettings(project="acme-ml", zone="us-east1-b"))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "'zone' is missing"),
        ({"zone": "us-east1"}, "'zone' 'us-east1' isn't"),
        ({"region": "us-east1-b"}, "'region' 'us-east1-b' isn't"),
        ({"zone": "us-east1-b", "region": "us-east4"}, "isn't in 'region' 'us-east4'"),
        ({"zone": "us-east1-b", "project": "A"}, "isn't a project's id"),
        ({"zone": "us-east1-b", "endpoint": "http://example.com"}, "plain http"),
        ({"zone": "us-east1-b", "accept": -1.0}, "'accept'"),
        ({"zone": "us-east1-b", "timeout": 0.0}, "'timeout'"),
        ({"zone": "us-east1-b", "anonymous": True, "credentials_file": "/f"}, "exclude"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, object], says: str) -> None:
    (problem,) = GceSettings(**{"project": "acme-ml", **settings}).problems()  # type: ignore[arg-type]
    assert says in problem


@pytest.mark.parametrize(
    ("settings", "url", "place"),
    [
        ({"zone": "us-east1-b"}, "gce://acme-ml/us-east1-b", "us-east1"),
        ({"zone": "us-central1-ai1a"}, "gce://acme-ml/us-central1-ai1a", "us-central1"),
        ({"zone": "us-east1-b", "region": "us-east1"}, "gce://acme-ml/us-east1-b", "us-east1"),
        (
            {"region": "northamerica-northeast1"},
            "gce://acme-ml/northamerica-northeast1",
            "northamerica-northeast1",
        ),
    ],
)
def test_place_is_a_zone_or_a_region(settings: dict[str, str], url: str, place: str) -> None:
    found = GceSettings(project="acme-ml", **settings)  # type: ignore[arg-type]
    assert found.problems() == []
    assert (found.url, found.place) == (url, place)
