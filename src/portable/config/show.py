"""The configuration for people: what `portable config show` prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from portable.config import state
from portable.config.kinds import COMPUTE, QUEUE, STORAGE, Kind
from portable.config.profiles import ActiveProfile, active_profile
from portable.config.resolve import resolve_in
from portable.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """One setting; *origin* is where its value was written."""

    name: str
    value: str | int | float | bool | None
    origin: str


@dataclass(frozen=True, slots=True)
class ShownService:
    """One service's settings, or why it can't be used.

    Attributes:
        name: Its name in the profile; empty for the profile's own.
        problem: Empty when all is well; the rest is empty when not.
    """

    name: str
    provider: str = ""
    url: str = ""
    settings: tuple[ShownSetting, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """The whole configuration; `dataclasses.asdict` of it is JSON.

    Attributes:
        chosen: Who chose the profile.
    """

    profile: str
    chosen: str
    file: str | None
    storage: ShownService
    buckets: tuple[ShownService, ...]
    queue: ShownService
    queues: tuple[ShownService, ...]
    compute: ShownService
    computes: tuple[ShownService, ...]


def describe() -> Description:
    """Describe the configuration as it is now. Nothing is sent, and no SDK is imported.

    Raises:
        ConfigError: there is no active profile, or its file is refused. What else is wrong with
            one service is told in it.
    """
    configured = state.configured()
    active = active_profile(configured, state.in_block.get())
    if active.file and active.file.refused:
        # Raises, and tells what else is wrong there.
        resolve_in(STORAGE, active, None, configured.of(STORAGE))
    return Description(
        profile=active.name,
        chosen=active.chosen,
        file=str(active.file.path) if active.file else None,
        storage=_shown(STORAGE, active, None, configured),
        buckets=_named(STORAGE, active, configured),
        queue=_shown(QUEUE, active, None, configured),
        queues=_named(QUEUE, active, configured),
        compute=_shown(COMPUTE, active, None, configured),
        computes=_named(COMPUTE, active, configured),
    )


def _named(
    kind: Kind, active: ActiveProfile, configured: state.Configured
) -> tuple[ShownService, ...]:
    named = active.table.get(kind.named, {})
    return tuple(
        _shown(kind, active, name, configured)
        for name in (named if isinstance(named, Mapping) else ())
    )


def _shown(
    kind: Kind, active: ActiveProfile, name: str | None, configured: state.Configured
) -> ShownService:
    try:
        found = resolve_in(kind, active, name, configured.of(kind))
    except ConfigError as error:
        return ShownService(name or "", problem=str(error))
    settings = tuple(
        ShownSetting(key, getattr(found.settings, key), origin)
        for key, origin in found.origins.items()
    )
    return ShownService(name or "", found.adapter.name, found.settings.url, settings)
