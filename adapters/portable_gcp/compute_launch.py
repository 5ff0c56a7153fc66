"""A launch: in the first zone that has room, once, however often it is sent."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from portable.compute.driver import Launch
from portable.compute.types import InstanceInfo
from portable.errors import (
    AlreadyExists,
    InstanceNotFound,
    InvalidArgument,
    NoCapacity,
    PortableError,
    Unavailable,
)
from portable.spelling import did_you_mean, listed
from portable_gcp.compute_client import DONE, ComputeEngine, failed
from portable_gcp.compute_settings import GceSettings
from portable_gcp.compute_shapes import NotHere, described, resource, taken_on

REPLAYS = 8  # more failures of one launch than the core makes


def launched(
    engine: ComputeEngine, wanted: Launch, zones: Sequence[str], settings: GceSettings
) -> InstanceInfo:
    """Start a machine in one of the zones, which are tried in turn.

    Raises:
        NoCapacity: none has room.
        InvalidArgument: none has such a machine.
    """
    refusals: dict[str, NoCapacity | NotHere] = {}
    for zone in zones:
        try:
            return _launched(engine, wanted, zone, resource(wanted, zone, settings))
        except (NoCapacity, NotHere) as error:
            refusals[zone] = error
    raise _refused(engine, wanted, refusals)


def _launched(
    engine: ComputeEngine, wanted: Launch, zone: str, made: Mapping[str, Any]
) -> InstanceInfo:
    try:
        operation = _inserted(engine, wanted, zone, made)
        is_new = operation.status != DONE
        operation = engine.settled(zone, operation)
    except AlreadyExists as error:
        found = _existing(engine, wanted, zone)
        if found is None:
            raise Unavailable(f"a machine {wanted.name!r} was there, and is gone now") from error
        return found
    if is_new:
        return taken_on(
            wanted, zone, operation, "running" if operation.status == DONE else "pending"
        )
    return _existing(engine, wanted, zone) or taken_on(wanted, zone, operation, "terminated")


def _inserted(engine: ComputeEngine, wanted: Launch, zone: str, made: Mapping[str, Any]) -> Any:
    """The operation that makes the machine, or made it when it was asked for before.

    What is asked for under a request's id for a second time is answered with the operation of
    the first time, also where that has failed. Only then does the next one have another id.
    """
    token, asked = uuid.UUID(wanted.token), zone
    for _ in range(REPLAYS):
        operation = engine.ask(
            "instances",
            "insert_unary",
            zone=zone,
            instance_resource=made,
            request_id=str(uuid.uuid5(token, asked)),
        )
        if not operation.name:
            raise Unavailable("the answer isn't Compute Engine's, or not all of it", ambiguous=True)
        if not failed(operation):
            break
        asked = operation.name
    return operation


def _existing(engine: ComputeEngine, wanted: Launch, zone: str) -> InstanceInfo | None:
    try:
        return described(engine.ask("instances", "get", zone=zone, instance=wanted.name))
    except InstanceNotFound:
        return None


def _refused(
    engine: ComputeEngine, wanted: Launch, refusals: Mapping[str, NoCapacity | NotHere]
) -> PortableError:
    """What to raise when no zone took the machine."""
    last = list(refusals.values())[-1]
    full = [error for error in refusals.values() if isinstance(error, NoCapacity)]
    if full:
        if len(refusals) == 1:
            return last
        error: PortableError = NoCapacity(
            f"no room for {wanted.machine!r} in {listed(refusals)}: {full[-1].message}"
        )
        error.__cause__ = full[-1].__cause__
        return error
    error = InvalidArgument(f"{last.message}{_what_there_is(engine, wanted, list(refusals), last)}")
    error.__cause__ = last.__cause__
    return error


def _what_there_is(
    engine: ComputeEngine, wanted: Launch, zones: Sequence[str], error: PortableError
) -> str:
    """The types that these zones have, as far as they are like the one that was wanted."""
    client, name = "machine_types", wanted.machine
    if "accelerator" in error.message.lower():
        client, name = "accelerator_types", wanted.accelerator
    try:
        known = {each.name for zone in zones for each in engine.each(client, "list", zone=zone)}
    except PortableError:
        return ""  # the error is about the machine, not about who may list types
    series = f"{name.partition('-')[0]}-"
    near = [each for each in known if each.startswith(series)]
    shown = near or {each.partition("-")[0] for each in known}
    kind = "types" if near else "series"
    return f"{did_you_mean(name, known)}; {kind} in {listed(zones)}: {listed(shown)}"
