"""Where jobs run is configured as buckets and queues are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from portable import discovery
from portable.adapter import Adapter, ComputeService, ComputeSettings, Scheme
from portable.config import configure, describe, resolve_compute
from portable.errors import ConfigError, Unsupported

Write = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class YardSettings(ComputeSettings):
    region: str = "here"

    @property
    def url(self) -> str:
        return f"yard://{self.region}"


@pytest.fixture(autouse=True)
def computes(monkeypatch: pytest.MonkeyPatch) -> None:
    """An adapter with compute only, and one without that knows a way out."""
    service = ComputeService(
        settings=YardSettings,
        schemes=(Scheme(name="yard", host="region", path=""),),
        connect=lambda settings: settings,
    )
    yard = Adapter(name="yard", compute=service)
    bare = Adapter(name="bare", instead={"compute": "use the provider 'yard'"})
    monkeypatch.setattr(discovery, "_adapters", {"yard": yard, "bare": bare})
    monkeypatch.setattr(discovery, "_schemes", {})
    monkeypatch.setattr(discovery, "names", lambda: ["bare", "yard"])


def test_a_profile_names_its_compute_and_more_of_them(write: Write) -> None:
    write(
        '[p]\nprovider="yard"\ndeadline=7\ncompute={region="there"}\n'
        '[p.computes]\nbig="yard://far?machines=90"'
    )
    resolved = resolve_compute()
    assert (resolved.settings.url, resolved.settings.deadline) == ("yard://there", 7)
    assert resolve_compute("big").settings.machines == 90
    with pytest.raises(ConfigError, match=r"there is no compute 'bgi' \(did you mean 'big'\?\)"):
        resolve_compute("bgi")
    shown = describe()
    assert (shown.compute.url, [each.url for each in shown.computes]) == (
        "yard://there",
        ["yard://far"],
    )


def test_environment_and_code_override_it(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write('[p]\nprovider="yard"')
    monkeypatch.setenv("PORTABLE_COMPUTE_MACHINES", "3")
    assert resolve_compute().settings.machines == 3
    monkeypatch.setenv("PORTABLE_COMPUTE", "yard://cheap")
    assert resolve_compute().settings.url == "yard://cheap"
    configure(compute={"boot": 60})
    assert resolve_compute().settings.boot == 60
    configure(compute="yard://mine")
    assert resolve_compute().settings.url == "yard://mine"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("machines=0", "'machines' must be from 1 to 1000"),
        ("heartbeat=0", "'heartbeat' must be above 0 seconds"),
        ("boot=-1", "'boot' must be above 0 seconds"),
        ("usd_per_hour=-0.5", "'usd_per_hour' must be 0 or more"),
        ('folder="a/../b"', "'folder' is no folder for keys"),
    ],
)
def test_values_that_cannot_be_are_refused_where_they_are(
    write: Write, written: str, said: str
) -> None:
    write(f'[p]\nprovider="yard"\ncompute={{{written}}}')
    with pytest.raises(ConfigError, match=said):
        resolve_compute()


def test_a_provider_without_compute_says_what_to_do(write: Write) -> None:
    write('[p]\nprovider="bare"')
    with pytest.raises(ConfigError, match="'bare' has no compute: use the provider 'yard'"):
        resolve_compute()
    with pytest.raises(Unsupported, match="'bare' has no compute: use the provider 'yard'"):
        discovery.connect_compute(discovery.adapter("bare"), ComputeSettings())
