"""Adapters are found by name and by scheme, and each failure says whose it is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from portable import discovery
from portable.adapter import (
    Adapter,
    Scheme,
    Service,
    ServiceName,
    StorageService,
    StorageSettings,
)
from portable.config.fields import fields_of
from portable.errors import ConfigError, MissingDependency, Unsupported

MODULE = """
from portable.adapter import (
    Adapter,
    QueueService,
    Scheme,
    ServiceName,
    StorageService,
    StorageSettings,
)
ADAPTER = Adapter(
    name={name!r},
    extra={name!r},
    storage=StorageService(
        settings=StorageSettings,
        schemes=(Scheme(name={scheme!r}, host="bucket", path="prefix"),),
        connect=StorageSettings,
    ),
)
"""

Install = Callable[..., None]


@dataclass(frozen=True)
class Distribution:
    name: str
    version: str = "1.0"


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Install:
    """Install an adapter's module, with its entry point."""
    points: list[EntryPoint] = []
    monkeypatch.setattr(discovery, "_entry_points", lambda: tuple(points))
    monkeypatch.setattr(discovery, "_adapters", {})
    monkeypatch.setattr(discovery, "_schemes", {})
    monkeypatch.syspath_prepend(tmp_path)

    def add(
        name: str, text: str = "", *, scheme: str = "", module: str = "", distribution: str = ""
    ) -> None:
        module = module or f"fake_adapter_{name}"
        monkeypatch.delitem(sys.modules, module, raising=False)
        source = text or MODULE.format(name=name, scheme=scheme or name[:3])
        (tmp_path / f"{module}.py").write_text(source)
        point = EntryPoint(name, f"{module}:ADAPTER", discovery.GROUP)
        vars(point).update(dist=Distribution(distribution or f"portable-{name}"))
        points.append(point)

    return add


def test_an_adapter_is_found_by_its_name(install: Install) -> None:
    install("nimbus")
    assert discovery.adapter("nimbus").name == "nimbus"
    assert discovery.adapter("nimbus") is discovery.adapter("nimbus")


def test_only_the_adapter_asked_for_is_imported(install: Install) -> None:
    install("nimbus")
    install("cirrus", "raise SystemError('imported')")
    assert discovery.names() == ["cirrus", "nimbus"]
    assert discovery.is_installed("cirrus")
    discovery.adapter("nimbus")
    assert "fake_adapter_nimbus" in sys.modules
    assert "fake_adapter_cirrus" not in sys.modules


def test_an_adapter_installed_later_is_found(install: Install) -> None:
    assert not discovery.is_installed("nimbus")
    install("nimbus")
    assert discovery.is_installed("nimbus")
    assert discovery.adapter("nimbus").name == "nimbus"


def test_an_unknown_adapter_gives_the_nearest_and_all(install: Install) -> None:
    install("nimbus")
    install("cirrus")
    with pytest.raises(ConfigError) as caught:
        discovery.adapter("nimbsu")
    assert str(caught.value) == (
        "there is no adapter 'nimbsu' (did you mean 'nimbus'?); installed: 'cirrus', 'nimbus'"
    )


def test_with_no_adapter_at_all_the_error_says_none(install: Install) -> None:
    with pytest.raises(ConfigError, match="no adapter 'nimbus'; installed: none"):
        discovery.adapter("nimbus")


def test_two_distributions_with_one_name_are_both_named(install: Install) -> None:
    install("nimbus", distribution="portable-nimbus")
    install("nimbus", distribution="nimbus-extras", module="fake_adapter_other")
    with pytest.raises(ConfigError, match=r"'nimbus-extras 1\.0', 'portable-nimbus 1\.0'"):
        discovery.adapter("nimbus")
    assert not {"fake_adapter_nimbus", "fake_adapter_other"} & set(sys.modules)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import no_such_sdk", "can't be loaded: ModuleNotFoundError: No module named 'no_such"),
        ("ADAPTER =", "can't be loaded: SyntaxError"),
        ("1 / 0", "can't be loaded: ZeroDivisionError"),
        ("OTHER = 1", "can't be loaded: AttributeError"),
        ("ADAPTER = 'nimbus'", "is a str, not a portable.adapter.Adapter"),
        (MODULE.format(name="cirrus", scheme="x"), "calls itself 'cirrus'"),
    ],
)
def test_a_broken_adapter_is_blamed_and_no_extra(install: Install, text: str, reason: str) -> None:
    install("nimbus", text)
    with pytest.raises(ConfigError) as caught:
        discovery.adapter("nimbus")
    assert reason in str(caught.value)
    assert "fake_adapter_nimbus:ADAPTER, from portable-nimbus 1.0" in str(caught.value)
    assert "pip install" not in str(caught.value)


def test_a_scheme_leads_to_its_adapter(install: Install) -> None:
    install("nimbus", scheme="nim")
    install("cirrus", scheme="cir")
    adapter, scheme = discovery.adapter_for_scheme("NIM")
    assert (adapter.name, scheme.name, scheme.host) == ("nimbus", "nim", "bucket")


def test_an_unknown_scheme_gives_the_nearest_and_all(install: Install) -> None:
    install("nimbus", scheme="nimbus")
    with pytest.raises(ConfigError) as caught:
        discovery.adapter_for_scheme("nimbuss")
    assert str(caught.value) == (
        "no adapter has URLs that begin with 'nimbuss://' (did you mean 'nimbus'?); known: 'nimbus'"
    )


def test_a_scheme_of_two_adapters_is_refused(install: Install) -> None:
    install("nimbus", scheme="sky")
    install("cirrus", scheme="sky")
    with pytest.raises(ConfigError, match="'sky://' URLs: 'cirrus', 'nimbus'; write a table"):
        discovery.adapter_for_scheme("sky")


def test_a_broken_adapter_does_not_hide_the_scheme_of_another(install: Install) -> None:
    install("nimbus", scheme="nim")
    install("cirrus", "1 / 0")
    assert discovery.adapter_for_scheme("nim")[0].name == "nimbus"
    with pytest.raises(ConfigError, match=r"begin with 'cir://'.*ZeroDivisionError"):
        discovery.adapter_for_scheme("cir")


def _adapter(connect: Callable[[Any], Any], *, extra: str = "nimbus") -> Adapter:
    scheme = Scheme(name="nim", host="bucket", path="prefix")
    storage = StorageService(settings=StorageSettings, schemes=(scheme,), connect=connect)
    return Adapter(name="nimbus", extra=extra, storage=storage)


def _missing(name: str) -> Callable[[Any], Any]:
    def connect(settings: StorageSettings) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    connect.__module__ = "portable_nimbus"
    return connect


def test_connecting_gives_what_the_adapter_makes() -> None:
    driver = SimpleNamespace()
    assert discovery.connect_storage(_adapter(lambda _: driver), StorageSettings()) is driver


def test_a_missing_sdk_is_one_line_with_the_command() -> None:
    with pytest.raises(MissingDependency) as caught:
        discovery.connect_storage(_adapter(_missing("nimbus_sdk.client")), StorageSettings())
    assert caught.value.message == (
        "adapter 'nimbus' needs 'nimbus_sdk', which isn't installed: "
        "run `pip install 'portable-cloud[nimbus]'`"
    )
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_missing_sdk_of_an_adapter_without_an_extra_points_to_its_documentation() -> None:
    with pytest.raises(MissingDependency, match="isn't installed: install it, as the doc"):
        discovery.connect_storage(_adapter(_missing("nimbus_sdk"), extra=""), StorageSettings())


@pytest.mark.parametrize("module", ["portable_nimbus.storage", "portable.gone", "sqlite3", ""])
def test_a_missing_module_of_the_adapter_itself_is_its_own_fault(module: str) -> None:
    with pytest.raises(ConfigError, match="adapter 'nimbus' is broken: No module named"):
        discovery.connect_storage(_adapter(_missing(module)), StorageSettings())


def test_an_adapter_without_storage_is_unsupported() -> None:
    with pytest.raises(Unsupported, match="'nimbus' has no storage"):
        discovery.connect_storage(Adapter(name="nimbus"), StorageSettings())


@pytest.mark.parametrize("name", discovery.names())
def test_the_adapters_of_this_project_can_be_found_and_configured(name: str) -> None:
    adapter = discovery.adapter(name)
    services: dict[ServiceName, Service | None] = {
        "storage": adapter.storage,
        "queue": adapter.queue,
        "compute": adapter.compute,
    }
    assert any(services.values())
    for kind, service in services.items():
        for scheme in service.schemes if service else ():
            assert discovery.adapter_for_scheme(scheme.name, kind)[0].name == name
            assert service
            assert {scheme.host, scheme.path} <= {None, "", *fields_of(service.settings)}
    if adapter.storage:
        assert "prefix" in fields_of(adapter.storage.settings)
