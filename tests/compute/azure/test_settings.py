"""What can be configured of Azure's machines, and what opening them costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from portable import discovery
from portable.errors import EndpointRefused, MissingDependency
from portable.testing.fakes.arm import SUBSCRIPTION
from portable_azure import ADAPTER
from portable_azure.compute_settings import AzureVmSettings

USUAL: dict[str, Any] = {"subscription": SUBSCRIPTION, "resource_group": "ml", "location": "eastus"}
OPENS = f"""
import sys
import portable_azure
from portable import open_compute
compute = open_compute("azurevm://{SUBSCRIPTION}/ml?location=eastus&endpoint=http://127.0.0.1:1")
from portable.discovery import connect_compute
from portable_azure.compute_settings import AzureVmSettings
driver = connect_compute(portable_azure.ADAPTER, AzureVmSettings(**{USUAL!r}))
assert driver.capabilities.region == "eastus"
driver.close()
found = [name for name in sys.modules if name.startswith("azure.mgmt.compute")]
assert not found, found
"""


def test_sdk_isnt_imported_before_the_first_request(tmp_path: Path) -> None:
    """Its import takes seconds and 100 MB."""
    run = subprocess.run(
        [sys.executable, "-c", OPENS], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("missing", ["azure.mgmt", "azure.mgmt.compute"])
def test_missing_sdk_is_told_when_it_is_opened(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == missing else name)
    with pytest.raises(MissingDependency, match=r"portable-cloud\[azure\]"):
        discovery.connect_compute(ADAPTER, AzureVmSettings(**USUAL))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"subscription": "acme"}, "az account show"),
        ({"resource_group": "a/b"}, "isn't a group's name"),
        ({"resource_group": "ends."}, "isn't a group's name"),
        ({"location": "East US"}, "'location' 'East US' isn't"),
        ({"subnet": "machines"}, "NETWORK/SUBNET"),
        ({"accept": -1.0}, "'accept'"),
        ({"read_timeout": 0.0}, "'read_timeout'"),
        ({"endpoint": "http://example.com"}, "plain http"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, object], says: str) -> None:
    (problem,) = AzureVmSettings(**(USUAL | settings)).problems()
    assert says in problem


def test_right_settings_have_a_url() -> None:
    found = AzureVmSettings(**USUAL)
    assert found.problems() == []
    assert found.url == f"azurevm://{SUBSCRIPTION}/ml"


def test_endpoint_that_may_not_be_sent_to_is_refused() -> None:
    driver = discovery.connect_compute(
        ADAPTER, AzureVmSettings(**USUAL, endpoint="http://169.254.169.254")
    )
    with pytest.raises(EndpointRefused):
        driver.get("ml/pt-1")
