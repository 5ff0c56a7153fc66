"""Find adapters by the entry-point group ``portable.adapters``.

Only the adapter that is asked for is imported. A scheme isn't tied to a name, so looking one up
imports every adapter, one by one; that is cheap, since adapters import no SDK.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from portable.adapter import Adapter, Scheme
from portable.errors import ConfigError, MissingDependency, Unsupported
from portable.spelling import did_you_mean, listed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.metadata import EntryPoint

    from portable.adapter import (
        ComputeSettings,
        QueueSettings,
        Service,
        ServiceName,
        StorageSettings,
    )
    from portable.compute.driver import ComputeDriver
    from portable.queue.driver import QueueDriver
    from portable.storage.driver import StorageDriver

GROUP = "portable.adapters"

_adapters: dict[str, Adapter] = {}
_schemes: dict[tuple[ServiceName, str], tuple[Adapter, Scheme]] = {}


def names() -> list[str]:
    """Return the installed adapters' names, sorted; none is imported."""
    return sorted({point.name for point in _entry_points()})


def is_installed(name: str) -> bool:
    """Is there an adapter of this name? It isn't imported."""
    return name in _adapters or any(point.name == name for point in _entry_points())


def adapter(name: str) -> Adapter:
    """Return one adapter by its name, importing it the first time.

    Raises:
        ConfigError: there is none, two distributions claim the name, or it can't be loaded.
    """
    if name not in _adapters:
        _adapters[name] = _loaded(_entry_point(name))
    return _adapters[name]


def adapter_for_scheme(scheme: str, service: ServiceName = "storage") -> tuple[Adapter, Scheme]:
    """Return the adapter that a URL's scheme means, and how such a URL is read.

    Raises:
        ConfigError: no adapter has the scheme, or several have.
    """
    scheme = scheme.lower()
    if (service, scheme) not in _schemes:
        _schemes[service, scheme] = _search(scheme, service)
    return _schemes[service, scheme]


def connect_storage(adapter: Adapter, settings: StorageSettings) -> StorageDriver:
    """Make a driver; nothing is sent.

    Raises:
        MissingDependency: the adapter's SDK isn't installed; the text has the command.
        ConfigError: the adapter itself is broken.
    """
    if adapter.storage is None:
        raise Unsupported(adapter.lacks("storage"), provider=adapter.name)
    driver: StorageDriver = _connected(adapter, adapter.storage, settings)
    return driver


def connect_queue(adapter: Adapter, settings: QueueSettings) -> QueueDriver:
    """As `connect_storage`."""
    if adapter.queue is None:
        raise Unsupported(adapter.lacks("queue"), provider=adapter.name)
    driver: QueueDriver = _connected(adapter, adapter.queue, settings)
    return driver


def connect_compute(adapter: Adapter, settings: ComputeSettings) -> ComputeDriver:
    """As `connect_storage`."""
    if adapter.compute is None:
        raise Unsupported(adapter.lacks("compute"), provider=adapter.name)
    driver: ComputeDriver = _connected(adapter, adapter.compute, settings)
    return driver


def _connected(adapter: Adapter, service: Service, settings: Any) -> Any:
    try:
        return service.connect(settings)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        makers = (service.connect, service.settings)
        own = {getattr(maker, "__module__", "").partition(".")[0] for maker in makers}
        if not missing or missing in own | {"portable"} | sys.stdlib_module_names:
            raise ConfigError(f"adapter {adapter.name!r} is broken: {error}") from error
        raise MissingDependency(
            f"adapter {adapter.name!r} needs {missing!r}, which isn't installed: {_remedy(adapter)}",
            provider=adapter.name,
        ) from error


def _entry_points() -> Sequence[EntryPoint]:
    """The one look-up; not cached, so an adapter installed while we run is found."""
    from importlib.metadata import entry_points

    return tuple(entry_points(group=GROUP))


def _entry_point(name: str) -> EntryPoint:
    points = _entry_points()
    found = [point for point in points if point.name == name]
    if not found:
        known = {point.name for point in points}
        raise ConfigError(
            f"there is no adapter {name!r}{did_you_mean(name, known)}; "
            f"installed: {listed(known) or 'none'}"
        )
    if len(found) > 1:
        raise ConfigError(
            f"several distributions have an adapter named {name!r}: "
            f"{listed(_distribution(point) for point in found)}; uninstall all but one"
        )
    return found[0]


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _loaded(point: EntryPoint) -> Adapter:
    where = f"adapter {point.name!r} ({point.value}, from {_distribution(point)})"
    try:
        found = point.load()
    except Exception as error:
        # Whatever the module did wrong. Adapters import no SDK here, so no extra is to blame.
        raise ConfigError(
            f"{where} can't be loaded: {type(error).__name__}: {error}", provider=point.name
        ) from error
    if not isinstance(found, Adapter):
        raise ConfigError(f"{where} is a {type(found).__name__}, not a portable.adapter.Adapter")
    if found.name != point.name:
        raise ConfigError(f"{where} calls itself {found.name!r}; the two names must be the same")
    return found


def _search(scheme: str, service: ServiceName) -> tuple[Adapter, Scheme]:
    found: list[tuple[Adapter, Scheme]] = []
    known: set[str] = set()
    failures: list[str] = []
    for name in names():
        try:
            candidate = adapter(name)
        except ConfigError as error:  # another adapter may still have the scheme
            failures.append(str(error))
            continue
        offered = candidate.service(service)
        for each in offered.schemes if offered else ():
            known.add(each.name)
            if each.name == scheme:
                found.append((candidate, each))
    if not found:
        unknown = (
            f"no adapter has URLs that begin with '{scheme}://'{did_you_mean(scheme, known)}; "
            f"known: {listed(known) or 'none'}"
        )
        raise ConfigError("; ".join([unknown, *failures]))
    if len(found) > 1:
        raise ConfigError(
            f"several adapters have '{scheme}://' URLs: {listed(one.name for one, _ in found)}; "
            "write a table with `provider` instead of a URL"
        )
    return found[0]


def _remedy(adapter: Adapter) -> str:
    if adapter.extra:
        return f"run `pip install 'portable-cloud[{adapter.extra}]'`"
    return "install it, as the documentation of the package that has this adapter says"
