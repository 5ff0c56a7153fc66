"""Where there are which sizes, as far as the catalogue knows: for errors' words."""

from __future__ import annotations

import re

from portable.compute.catalogue.data import catalogue
from portable.errors import InvalidArgument, NoCapacity, PortableError
from portable.spelling import did_you_mean, listed
from portable_azure.compute_codes import NotHere


def explained(error: PortableError, machine: str, location: str) -> PortableError:
    """The same refusal of a size, with what there is; any other error as it is."""
    if isinstance(error, NotHere):
        return _made(InvalidArgument, error, _instead(machine, location))
    if isinstance(error, NoCapacity):
        return _made(NoCapacity, error, _elsewhere(machine, location))
    return error


def _instead(machine: str, location: str) -> str:
    known = {
        each.machine
        for each in catalogue().offers
        if (each.provider, each.region) == ("azure", location)
    }
    series = re.match(r"[A-Za-z]+_[A-Za-z]+", machine)
    near = {each for each in known if series and each.startswith(series[0])} or known
    there = f"; of 'location' {location!r} the catalogue knows {listed(near)}" if near else ""
    size = f"{machine!r}{did_you_mean(machine, known)}"
    return f"; {size}{there}{_elsewhere(machine, location)}"


def _elsewhere(machine: str, location: str) -> str:
    found = {
        each.region
        for each in catalogue().offers
        if (each.provider, each.machine) == ("azure", machine) and each.region != location
    }
    return f"; {machine!r} is also in {listed(found)}" if found else ""


def _made(kind: type[PortableError], error: PortableError, more: str) -> PortableError:
    made = kind(f"{error.message}{more}")
    made.__cause__ = error.__cause__
    return made
