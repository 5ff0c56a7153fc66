"""Gather one service's settings from the file, the environment and code, still unchecked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from portable import discovery
from portable.adapter import Adapter
from portable.config.fields import fields_of
from portable.config.files import NAMED
from portable.config.kinds import Kind
from portable.config.problems import URL, Problems
from portable.config.profiles import ActiveProfile
from portable.config.secrets import HIDDEN, looks_secret, shown, shown_name, shown_url
from portable.config.urls import BadURL, is_url, parse_url
from portable.errors import ConfigError
from portable.spelling import did_you_mean, listed

# What a profile holds besides settings that its services share. Compute has its own reader.
SERVICES = frozenset({"storage", "queue", "compute"}) | NAMED


@dataclass(frozen=True, slots=True)
class Given:
    """A setting as someone wrote it.

    Attributes:
        text: Is it text to be parsed, from a variable or a URL?
        folder: What a relative path is relative to; `None` for the working directory.
    """

    value: object
    origin: str
    text: bool = False
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service is written.

    Attributes:
        text: For people.
        keyed: Does adding ``.key`` to *text* make sense?
    """

    text: str
    keyed: bool = False
    folder: Path | None = None

    def of(self, key: object) -> str:
        """Where one of the service's keys is."""
        return f"{self.text}.{shown_name(key)}" if self.keyed else self.text


@dataclass(frozen=True, slots=True)
class Service:
    """A service as written.

    Attributes:
        place: Where a missing setting would be added.
        variables: How the names of variables begin that may add settings, if any may.
        unwritten: The profile that it is of, if that is in no file.
    """

    adapter: Adapter
    given: Mapping[str, Given]
    place: str
    variables: str = ""
    unwritten: ActiveProfile | None = None


def default_service(
    kind: Kind,
    active: ActiveProfile,
    in_code: str | Mapping[str, object] | None,
    problems: Problems,
) -> Service:
    """Return the active profile's storage, or its queue.

    A block takes nothing but its profile; a profile that `configure` chose takes nothing from
    the environment.
    """
    if active.by == "block":
        return _profile_service(kind, active, problems)
    if isinstance(in_code, str) or (in_code and "provider" in in_code):
        return _read(kind, in_code, Place(kind.in_code), active, problems)
    if active.in_code:
        service = _profile_service(kind, active, problems)
    else:
        if url := os.environ.get(kind.variable):
            place = Place(f"environment {kind.variable}")
            service = _read(kind, url, place, active, problems)
        else:
            service = _profile_service(kind, active, problems)
        given = {**service.given, **_from_variables(kind)}
        service = replace(service, given=given, variables=f"{kind.variable}_")
    if in_code:
        added = {str(key): Given(value, kind.in_code) for key, value in in_code.items()}
        service = replace(service, given={**service.given, **added})
    return service


def named_service(kind: Kind, active: ActiveProfile, name: str, problems: Problems) -> Service:
    """Return one of the profile's buckets, or queues."""
    known = active.table.get(kind.named, {})
    where = active.place(kind.named)
    if not isinstance(known, Mapping):
        raise problems.last(where, f"must be a table, not {shown(known)}")
    if name not in known:
        others = (
            f"; there is {listed(known)}, and a URL needs none"
            if known
            else ", nor any other: add it there, or give a URL"
        )
        problem = f"there is no {kind.one} {shown(name)}{did_you_mean(name, known)}{others}"
        raise problems.last(where, problem)
    place = Place(f"{where}.{shown_name(name)}", keyed=True, folder=_folder(active))
    return _read(kind, known[name], place, active, problems)


def service_at(kind: Kind, active: ActiveProfile, url: str, problems: Problems) -> Service:
    """Return the bucket, or queue, that a URL in code means."""
    return _read(kind, url, Place(f"{URL}{shown_url(url)}"), active, problems)


def shared(active: ActiveProfile) -> dict[str, Given]:
    """Return the profile's own settings, which its provider's services share."""
    return {
        key: Given(value, active.place(shown_name(key)), folder=_folder(active))
        for key, value in active.table.items()
        if key != "provider" and key not in SERVICES
    }


def profile_adapter(active: ActiveProfile, problems: Problems) -> Adapter | None:
    """Return the adapter that the profile names as its provider."""
    provider = active.table.get("provider")
    return None if provider is None else _adapter(provider, active.place("provider"), problems)


def _profile_service(kind: Kind, active: ActiveProfile, problems: Problems) -> Service:
    place = Place(active.place(kind.name), keyed=True, folder=_folder(active))
    service = _read(kind, active.table.get(kind.name, {}), place, active, problems)
    return service if active.written else replace(service, unwritten=active)


def _read(
    kind: Kind, value: object, place: Place, active: ActiveProfile, problems: Problems
) -> Service:
    """Read a service's table or URL, and add what the profile shares with it."""
    if isinstance(value, str) and is_url(value):
        service = _read_url(kind, value, place, problems)
    elif isinstance(value, Mapping):
        provider = value.get("provider", active.table.get("provider"))
        if provider is None:
            raise problems.last(
                place.text,
                "no provider is named: write provider = … in the profile or the table, or a URL; "
                f"installed: {listed(discovery.names())}",
            )
        own = "provider" in value
        where = place.of("provider") if own else active.place("provider")
        given = {
            str(key): Given(item, place.of(key), folder=place.folder)
            for key, item in value.items()
            if key != "provider"
        }
        service = Service(_adapter(provider, where, problems), given, place.text)
    elif value is HIDDEN:
        raise problems.error()  # it was told of with the file
    else:
        raise problems.last(
            place.text, f"must be a table or a URL ({kind.example!r}), not {shown(value)}"
        )
    offered = kind.of(service.adapter)
    if offered is None or service.adapter.name != active.table.get("provider"):
        return service
    known = fields_of(offered.settings)
    inherited = {key: given for key, given in shared(active).items() if key in known}
    return replace(service, given={**inherited, **service.given})


def _read_url(kind: Kind, url: str, place: Place, problems: Problems) -> Service:
    settings: Mapping[str, object]
    try:
        adapter, settings = parse_url(url, kind)
    except BadURL as error:
        seen = "" if place.text.startswith(URL) else f"{URL}{shown_url(url)}: "
        for sentence in error.sentences:
            problems.add(place.text, f"{seen}{sentence}")
        if error.rest is None:
            raise problems.error() from None
        adapter, settings = error.rest
    given = {
        key: Given(value, place.text, text=True, folder=place.folder)
        for key, value in settings.items()
    }
    return Service(adapter, given, place.text)


def _adapter(provider: object, where: str, problems: Problems) -> Adapter:
    if not isinstance(provider, str) or looks_secret(provider):
        raise problems.last(where, f"must be an adapter's name, not {shown(provider)}")
    try:
        return discovery.adapter(provider)
    except ConfigError as error:
        raise problems.last(where, error.message) from error


def _from_variables(kind: Kind) -> dict[str, Given]:
    """Return what ``PORTABLE_STORAGE_…`` variables say; an empty one says nothing."""
    return {
        name.removeprefix(f"{kind.variable}_").lower(): Given(
            value, f"environment {name}", text=True
        )
        for name, value in os.environ.items()
        if name.startswith(f"{kind.variable}_") and value
    }


def _folder(active: ActiveProfile) -> Path | None:
    return active.file.path.parent if active.file and active.written else None
