"""Places that run jobs, from the configuration: by name, by URL, and the active profile's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from portable.active import Active
from portable.compute.compute import Compute

if TYPE_CHECKING:
    from portable.adapter import ComputeSettings
    from portable.compute.connection import Connection
    from portable.compute.driver import ComputeDriver
    from portable.storage import Bucket


def open_compute(name_or_url: str | None = None) -> Compute:
    """Open a place that runs jobs by its name in the active profile, or by a URL.

    Without either it is the active profile's own: the one that `portable.compute` works on.

    Nothing is sent before the first call.

    Raises:
        ConfigError: no compute of that name, an unknown scheme, or settings that can't be used.
        Unsupported: the provider has no machines; the text says what to use.
        MissingDependency: raised at the first call, when the provider's SDK isn't installed.
    """
    from portable.config import resolve_compute

    resolved = resolve_compute(name_or_url)
    return compute_from(resolved.adapter.name, resolved.settings)


def compute_from(adapter: str, settings: ComputeSettings) -> Compute:
    """A place of the adapter of that name; its jobs are kept in the profile that is active now."""
    return Compute(
        partial(_connect, adapter, settings),
        settings,
        provider=adapter,
        storage=_storage(settings.storage),
    )


def _connect(adapter: str, settings: ComputeSettings) -> ComputeDriver:
    from portable import discovery

    return discovery.connect_compute(discovery.adapter(adapter), settings)


def _storage(name_or_url: str | None) -> partial[Bucket]:
    from portable.storage.active import opener

    return opener(name_or_url, "jobs are kept in storage, and there is none")


class ActiveCompute(Compute):
    """The compute of whichever profile is active when a method is called; its own, or by name."""

    def __init__(self, name: str | None = None) -> None:
        self._name = name
        self._computes: dict[tuple[object, ...], Compute] = {}
        self._active = Active(self._resolve)

    def __reduce__(self) -> tuple[Callable[..., Compute], tuple[str, ...]]:
        return (_active_compute, ()) if self._name is None else (ActiveCompute, (self._name,))

    @property
    def _connection(self) -> Connection:
        return self._active.current()

    def _resolve(self) -> Connection:
        from portable.config import resolve_compute

        resolved = resolve_compute(self._name)
        made = compute_from(resolved.adapter.name, resolved.settings)
        # Two profiles may have the same compute and other storage.
        key = (resolved.adapter.name, resolved.settings, _storage(resolved.settings.storage).args)
        return self._computes.setdefault(key, made)._connection


def _active_compute() -> Compute:
    """The one that the functions of `portable.compute` are methods of, in any process."""
    from portable import compute

    return compute._compute
