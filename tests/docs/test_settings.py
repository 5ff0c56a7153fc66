"""The tables of settings and capabilities in the documentation are those of the code."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from portable.adapter import ComputeSettings, QueueSettings, ServiceSettings, StorageSettings
from portable.queue import QueueCapabilities
from portable.storage import Capabilities
from portable_aws.limits import queue_capabilities as sqs_capabilities
from portable_aws.settings import Ec2Settings, S3Settings, SqsSettings
from portable_aws.storage import S3Storage
from portable_azure.compute_settings import AzureVmSettings
from portable_azure.limits import LIMITS as AZURE
from portable_azure.limits import QUEUE as AZURE_QUEUE
from portable_azure.settings import AzureQueueSettings, AzureSettings
from portable_digitalocean.compute_settings import DropletSettings
from portable_digitalocean.settings import SpacesSettings
from portable_digitalocean.storage import SpacesStorage
from portable_gcp.queue_settings import PubSubSettings
from portable_gcp.queue_shapes import capabilities as pubsub_capabilities
from portable_gcp.settings import GcsSettings
from portable_gcp.storage import GcsStorage
from portable_local.compute.settings import LocalComputeSettings
from portable_local.queue.driver import SQLiteQueue
from portable_local.queue.settings import LocalQueueSettings
from portable_local.settings import LocalSettings
from portable_local.storage import LocalStorage
from portable_memory.queue import MemoryQueue
from portable_memory.settings import MemorySettings
from portable_memory.storage import MemoryStorage
from portable_postgres.queue import PostgresQueue
from portable_postgres.settings import PostgresQueueSettings
from portable_ray.settings import RaySettings

DOCS = Path(__file__).parents[2] / "docs"


def table(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, its head left out."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"{page} has no heading {heading!r}"
    rows = [line for line in found[1].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


TABLES = [
    ("storage.md", "Settings of every bucket", StorageSettings),
    ("s3-compatible.md", "Settings of `aws`", S3Settings),
    ("storage.md", "Settings of `local`", LocalSettings),
    ("storage.md", "Settings of `memory`", MemorySettings),
    ("azure.md", "Settings of `azure`", AzureSettings),
    ("gcp.md", "Settings of `gcp`", GcsSettings),
    ("digitalocean.md", "Settings of `digitalocean`", SpacesSettings),
    ("queue.md", "Settings of every queue", QueueSettings),
    ("queue.md", "Queue settings of `local`", LocalQueueSettings),
    ("queue.md", "Queue settings of `postgres`", PostgresQueueSettings),
    ("queue.md", "Queue settings of `aws`", SqsSettings),
    ("queue.md", "Queue settings of `gcp`", PubSubSettings),
    ("queue.md", "Queue settings of `azure`", AzureQueueSettings),
    ("compute.md", "Settings of every compute", ComputeSettings),
    ("compute.md", "Compute settings of `local`", LocalComputeSettings),
    ("aws.md", "Compute settings of `aws`", Ec2Settings),
    ("azure.md", "Compute settings of `azure`", AzureVmSettings),
    ("digitalocean.md", "Compute settings of `digitalocean`", DropletSettings),
    ("ray.md", "Compute settings of `ray`", RaySettings),
]


@pytest.mark.parametrize(("page", "heading", "settings"), TABLES)
def test_settings_are_documented_with_their_defaults(
    page: str, heading: str, settings: type[ServiceSettings]
) -> None:
    kinds = (StorageSettings, QueueSettings, ComputeSettings)
    (shared,) = [each for each in kinds if issubclass(settings, each)]
    common = {field.name for field in dataclasses.fields(shared)}
    own = [
        field
        for field in dataclasses.fields(settings)
        if settings is shared or field.name not in common
    ]
    written = {name: default for name, default, _ in table(page, heading)}
    assert written == {f"`{field.name}`": default_of(field) for field in own}


def test_the_page_that_errors_name_links_to_each_table() -> None:
    """An unknown setting is told with it, instead of with all names."""
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    for page, heading, _ in TABLES:
        anchor = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        assert f"]({page}#{anchor})" in text


def default_of(field: dataclasses.Field[object]) -> str:
    """A default as the tables write it: Python, with double quotes."""
    if field.default is dataclasses.MISSING:
        return "required"
    value = field.default
    written = json.dumps(value) if isinstance(value, str) else repr(value)
    return f"`{written}`"


def test_capabilities_are_documented_as_the_drivers_have_them(tmp_path: Path) -> None:
    local = LocalStorage(LocalSettings(path=str(tmp_path)))
    memory = MemoryStorage(MemorySettings(name="documented"))
    aws = S3Storage(S3Settings(bucket="acme-ml", region="eu-west-1"))
    gcp = GcsStorage(GcsSettings(bucket="acme-ml"))
    spaces = SpacesStorage(SpacesSettings(bucket="acme-ml", region="nyc3").s3)
    try:
        drivers = [each.capabilities for each in (local, memory, aws, gcp)] + [AZURE]
        drivers.append(spaces.capabilities)
    finally:
        spaces.close()
        gcp.close()
        aws.close()
        local.close()
    names = [field.name for field in dataclasses.fields(Capabilities)]
    assert table("semantics.md", "Capabilities") == [
        [f"`{name}`", *(str(getattr(able, name)) for able in drivers)] for name in names
    ]


@pytest.mark.parametrize("page", ["s3-compatible.md", "aws.md"])
def test_the_policy_is_json(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    (policy,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    allowed = {
        action
        for statement in json.loads(policy)["Statement"]
        for action in (
            [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        )
    }
    explained = {row[0].strip("`") for row in table(page, "Least privilege") if row}
    assert allowed == explained


def test_capabilities_of_queues_are_documented_as_the_drivers_have_them() -> None:
    drivers = [
        SQLiteQueue.capabilities,
        MemoryQueue.capabilities,
        sqs_capabilities(SqsSettings(region="eu-west-1")),
        sqs_capabilities(SqsSettings(region="eu-west-1", fifo=True)),
        pubsub_capabilities(PubSubSettings(project="acme")),
        AZURE_QUEUE,
        PostgresQueue.capabilities,
    ]
    names = [field.name for field in dataclasses.fields(QueueCapabilities)]
    assert table("queue.md", "Capabilities of queues") == [
        [f"`{name}`", *(str(getattr(able, name)) for able in drivers)] for name in names
    ]
