"""Providers whose data obstore doesn't carry say so."""

from __future__ import annotations

import pytest

from portable.adapter import StorageSettings
from portable_azure.settings import AzureSettings
from portable_gcp.settings import GcsSettings


@pytest.mark.parametrize(
    "settings",
    [GcsSettings(bucket="acme-ml", engine="fast"), AzureSettings(container="acme", engine="fast")],
)
def test_an_engine_that_is_not_there_is_refused(settings: StorageSettings) -> None:
    assert any("'engine'" in problem for problem in settings.problems())
