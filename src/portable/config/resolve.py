"""From what was written to checked settings, with where each value came from."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from portable.adapter import Adapter, ServiceSettings
from portable.config import layers, state
from portable.config.fields import Field, Refused, fields_of
from portable.config.files import NAME, absolute
from portable.config.kinds import COMPUTE, KINDS, QUEUE, STORAGE, Kind
from portable.config.layers import SERVICES, Given, Service
from portable.config.problems import NoService, Problems
from portable.config.profiles import ActiveProfile, active_profile
from portable.config.secrets import (
    HIDDEN,
    is_secret_key,
    looks_secret,
    remedy,
    shown,
    shown_name,
)
from portable.config.urls import is_url
from portable.errors import ConfigError, InvalidType
from portable.spelling import did_you_mean, listed

if TYPE_CHECKING:
    from pathlib import Path

    from portable.adapter import ComputeSettings, QueueSettings, StorageSettings

FEW = 12  # so many names are read faster than a page is found

S_co = TypeVar("S_co", bound=ServiceSettings, covariant=True)


@dataclass(frozen=True, slots=True)
class ResolvedService(Generic[S_co]):
    """Settings that are ready to be connected to.

    Attributes:
        origins: By setting, where its value was written: a file and key, a variable, a call, a
            URL, or ``"default"``.
        profile: The profile that was active.
        file: The file in use, if there is one.
    """

    adapter: Adapter
    settings: S_co
    origins: Mapping[str, str]
    profile: str
    file: str | None


def resolve_storage(name_or_url: str | None = None) -> ResolvedService[StorageSettings]:
    """Return the settings of a bucket as they are now.

    Args:
        name_or_url: One of the active profile's buckets, a URL, or `None` for its storage.

    Raises:
        ConfigError: with every problem found, and where it is.
    """
    return _resolved(STORAGE, name_or_url)


def resolve_queue(name_or_url: str | None = None) -> ResolvedService[QueueSettings]:
    """Return the settings of a queue as they are now; as `resolve_storage`."""
    return _resolved(QUEUE, name_or_url)


def resolve_compute(name_or_url: str | None = None) -> ResolvedService[ComputeSettings]:
    """Return the settings of a place that runs jobs as they are now; as `resolve_storage`."""
    return _resolved(COMPUTE, name_or_url)


def _resolved(kind: Kind, name_or_url: str | None) -> ResolvedService[Any]:
    if name_or_url is not None and not isinstance(name_or_url, str):
        raise InvalidType(
            f"a {kind.one} is opened by its name in the profile or by its URL, such as "
            f"{kind.example!r}: a str, not {type(name_or_url).__name__}"
        )
    configured, block = state.configured(), state.in_block.get()
    return resolve_in(kind, active_profile(configured, block), name_or_url, configured.of(kind))


def resolve_in(
    kind: Kind,
    active: ActiveProfile,
    name_or_url: str | None,
    in_code: str | Mapping[str, object] | None,
) -> ResolvedService[Any]:
    """As `resolve_storage` and `resolve_queue`, in a profile that is already known."""
    problems = active.problems()
    _check_shared(active, problems)
    if name_or_url is None:
        service = layers.default_service(kind, active, in_code, problems)
    elif is_url(name_or_url):
        service = layers.service_at(kind, active, name_or_url, problems)
    else:
        service = layers.named_service(kind, active, name_or_url, problems)
    settings, origins = _settings(kind, service, problems, active.home)
    path = str(active.file.path) if active.file else None
    return ResolvedService(service.adapter, settings, origins, active.name, path)


def _check_shared(active: ActiveProfile, problems: Problems) -> None:
    """Find keys of the profile that none of its provider's services has."""
    given = layers.shared(active)
    adapter = layers.profile_adapter(active, problems)
    offered = [found for kind in KINDS if adapter and (found := kind.of(adapter))]
    known = {name for service in offered for name in fields_of(service.settings)}
    for key, each in given.items():
        if key not in known and each.value is not HIDDEN:
            why = (
                _unknown(key, known, adapter, also=SERVICES)
                if adapter
                else f"{shown(key)} is shared by services of one provider, and the profile names "
                f"none: add `provider`{did_you_mean(key, {'provider'} | SERVICES)}"
            )
            problems.add(each.origin, why)


def _settings(
    kind: Kind, service: Service, problems: Problems, home: Path | None
) -> tuple[ServiceSettings, dict[str, str]]:
    offered = kind.of(service.adapter)
    if offered is None:
        raise problems.last(service.place, service.adapter.lacks(kind.name), NoService)
    make = offered.settings
    fields = fields_of(make)
    values = _values(kind, service, fields, problems)
    for field in fields.values():
        if field.required and field.name not in service.given:
            problems.add(service.place, _missing(kind, service, field))
    # Values that were refused fall to their defaults, so that `problems` can look at the rest.
    if all(field.name in values or not field.required for field in fields.values()):
        settings = _made(make, values, fields, home)
        for sentence in settings.problems():
            problems.add(*_blamed(sentence, service, values))
        problems.raise_any()
        origins = {n: service.given[n].origin if n in service.given else "default" for n in fields}
        return settings, origins
    problems.raise_any()
    raise AssertionError("a missing value is a problem")


def _missing(kind: Kind, service: Service, field: Field) -> str:
    variable = f", or set {service.variables}{field.name.upper()}" if service.variables else ""
    if (profile := service.unwritten) is None:
        return f"{field.name!r} is missing: add it ({field.allowed}){variable}"
    file, init = NAME, ""
    if profile.file:
        file = str(profile.file.path)
    elif kind is STORAGE:
        init = f" (`portable init --provider {profile.name}` writes one)"
    return (
        f"{field.name!r} is missing: write [{profile.name}] with provider and "
        f"{kind.name}.{field.name} ({field.allowed}) into {file}{init}{variable}"
    )


def _values(
    kind: Kind, service: Service, fields: Mapping[str, Field], problems: Problems
) -> dict[str, object]:
    """Check the settings one by one, and return the good ones."""
    values: dict[str, object] = {}
    for name, given in service.given.items():
        if given.value is HIDDEN:
            continue  # told of with the file
        if is_secret_key(name) or looks_secret(given.value):
            reason = f"{shown_name(name)!r} holds a secret: {remedy(service.adapter.credentials)}"
            problems.add(given.origin, reason)
        elif name not in fields:
            problems.add(
                given.origin,
                _unknown(name, fields, service.adapter),
            )
        elif fields[name].code_only and given.origin != kind.in_code:
            problems.add(
                given.origin,
                f"{name!r} can only be set in code, where it is seen: "
                f"portable.configure({kind.name}={{{name!r}: …}})",
            )
        else:
            try:
                values[name] = _value(fields[name], given)
            except (Refused, ConfigError) as error:
                near = did_you_mean(name, SERVICES) if isinstance(given.value, Mapping) else ""
                problems.add(given.origin, f"{name!r} {error}{near}")
    return values


def _unknown(name: str, known: Iterable[str], adapter: Adapter, *, also: Iterable[str] = ()) -> str:
    names = set(known)
    near = did_you_mean(name, names | set(also), most=3)
    rest = (
        f"{adapter.name!r} takes {listed(names)}"
        if len(names) <= FEW
        else "docs/configuration.md lists the settings of each provider"
    )
    return f"unknown setting {shown(name)}{near}; {rest}"


def _value(field: Field, given: Given) -> object:
    value = given.value
    if field.path and isinstance(value, os.PathLike):
        value = os.fspath(value)
    checked = field.parsed(value) if given.text and isinstance(value, str) else field.checked(value)
    if not field.path or not isinstance(checked, str):
        return checked
    if not checked:
        raise Refused("must be a path, not ''")
    return str(absolute(checked, given.folder))


def _made(
    make: type[ServiceSettings],
    values: Mapping[str, object],
    fields: Mapping[str, Field],
    home: Path | None,
) -> ServiceSettings:
    settings = make(**values)  # type: ignore[arg-type]  # checked against the same class
    defaults = {
        name: str(absolute(value, home))
        for name, field in fields.items()
        if field.path and name not in values and isinstance(value := getattr(settings, name), str)
    }
    return replace(settings, **defaults) if defaults else settings  # type: ignore[arg-type]


def _blamed(sentence: str, service: Service, values: Mapping[str, object]) -> tuple[str, str]:
    """Find the setting that a sentence of `ServiceSettings.problems` is about."""
    for name in re.findall(r"'(\w+)'", sentence):
        if name in values:
            value = values[name]
            seen = "" if isinstance(value, str) else f"; it is {shown(value)}"
            return service.given[name].origin, f"{sentence}{seen}"
    return service.place, sentence
