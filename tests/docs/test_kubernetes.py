"""The page of the kubernetes adapter has its settings, and a Role that suffices."""

from __future__ import annotations

import dataclasses
import re

from portable.adapter import ComputeSettings
from portable_kubernetes.settings import KubernetesSettings
from tests.docs.test_settings import DOCS, default_of, table

METHODS = {"create": "create", "read": "get", "list": "list", "delete": "delete"}


def test_settings_are_documented_with_their_defaults() -> None:
    common = {field.name for field in dataclasses.fields(ComputeSettings)}
    own = [field for field in dataclasses.fields(KubernetesSettings) if field.name not in common]
    rows = table("kubernetes.md", "Settings of `kubernetes`")
    assert {name: default for name, default, _ in rows} == {
        f"`{field.name}`": default_of(field) for field in own
    }


def test_role_allows_what_is_sent_and_nothing_else() -> None:
    text = (DOCS / "kubernetes.md").read_text(encoding="utf-8")
    allowed = {
        (resource.strip(), verb.strip())
        for resources, verbs in re.findall(r"resources: \[([^]]*)\], verbs: \[([^]]*)\]", text)
        for resource in resources.split(",")
        for verb in verbs.split(",")
    }
    driver = DOCS.parent / "adapters" / "portable_kubernetes" / "compute.py"
    sent = re.findall(r'"([a-z]+)_namespaced_([a-z]+)"', driver.read_text(encoding="utf-8"))
    assert allowed == {(f"{what}s", METHODS[method]) for method, what in sent}
