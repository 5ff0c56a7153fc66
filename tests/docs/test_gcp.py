"""The page of the gcp adapter has its settings, and the permissions that it tells of."""

from __future__ import annotations

import dataclasses
import re

from portable.adapter import ComputeSettings, StorageSettings
from portable_gcp import ADAPTER
from portable_gcp.compute_settings import GceSettings
from portable_gcp.settings import GcsSettings
from tests.docs.test_settings import default_of, table


def test_settings_are_documented_with_their_defaults() -> None:
    common = {field.name for field in dataclasses.fields(StorageSettings)}
    own = [field for field in dataclasses.fields(GcsSettings) if field.name not in common]
    written = {name: default for name, default, _ in table("gcp.md", "Settings of `gcp`")}
    assert written == {f"`{field.name}`": default_of(field) for field in own}


def test_settings_of_machines_are_documented_with_their_defaults() -> None:
    common = {field.name for field in dataclasses.fields(ComputeSettings)}
    own = [field for field in dataclasses.fields(GceSettings) if field.name not in common]
    written = {name: default for name, default, _ in table("gcp.md", "Settings of machines")}
    assert written == {f"`{field.name}`": default_of(field) for field in own}


def test_the_permissions_that_doctor_names_are_explained() -> None:
    named = {
        found
        for text in ADAPTER.permissions.values()
        for found in re.findall(r"[a-z]+\.\S+\w", text)
    }
    explained = " ".join(row[0] for row in table("gcp.md", "Permissions"))
    assert named <= set(re.findall(r"`([^`]+)`", explained))
