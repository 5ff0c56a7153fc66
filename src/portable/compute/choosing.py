"""Which machines a job is to run on, how many, for how long, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from portable.compute.records import Choice
from portable.errors import InvalidArgument, Unsupported

if TYPE_CHECKING:
    from portable.compute.catalogue import Offer
    from portable.compute.connection import Connection
    from portable.compute.needs import Needs

CHOICES = 5
SHORTEST_SECONDS = 60.0  # less than that buys nothing but a boot


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How a job's tasks are dealt to machines.

    Attributes:
        choices: Machines that will do, the cheapest first.
        shards: How many of them.
        slots: Tasks that one runs at once.
    """

    choices: tuple[Choice, ...]
    shards: int
    slots: int


@dataclass(frozen=True, slots=True)
class Span:
    """How long a machine may work, and be there at all."""

    seconds: float
    lifetime: float


def share(connection: Connection, needs: Needs, count: int) -> Share:
    """Choose machines for *count* tasks that each have *needs*.

    Raises:
        InvalidArgument: there is no such machine.
    """
    able, settings = connection.capabilities, connection.settings
    if able.region is None:
        if needs.machine is not None:
            raise Unsupported(
                f"the provider {connection.provider!r} has no types of machines; leave 'machine' "
                f"out, and say what is needed: cpus, memory_gib, gpus"
            )
        choices: tuple[Choice, ...] = (Choice(usd_per_hour=settings.usd_per_hour),)
        slots = 1
        if able.cpus is not None and not needs.gpus:
            slots = max(1, min(count, int(able.cpus / needs.cpus)))
        return Share(
            choices=choices,
            shards=1 if able.cpus is not None else min(count, settings.machines),
            slots=slots,
        )
    offers = _offers(connection, needs, able.region)
    slots = min((_room(offer, needs) for offer in offers), default=1) if count > 1 else 1
    return Share(
        choices=tuple(_choice(offer, needs, connection.settings.usd_per_hour) for offer in offers)
        or (Choice(machine=needs.machine or "", usd_per_hour=settings.usd_per_hour),),
        shards=min(settings.machines, ceil(count / slots)),
        slots=slots,
    )


def span(
    connection: Connection, dealt: Share, timeout: float, max_usd: float | None
) -> tuple[Share, Span]:
    """How long the machines may be there; those whose price isn't known aren't, with *max_usd*.

    The money is a limit for all of a job's first attempts together: a machine is ended when its
    part is used up, its start included, and its command some time before.

    Raises:
        InvalidArgument: a price isn't known, or the money is too little.
    """
    boot = connection.settings.boot
    if max_usd is None:
        return dealt, Span(timeout, timeout + boot)
    priced = tuple(each for each in dealt.choices if each.usd_per_hour is not None)
    if not priced:
        raise InvalidArgument(
            f"max_usd can't be kept: what {_named(dealt.choices[0])} costs isn't known. Set "
            f"'usd_per_hour' of the profile's compute, name a 'machine' that `portable machines` "
            f"has a price of, or leave max_usd out: timeout is a limit, too"
        )
    hour = dearest(priced) * dealt.shards
    length = paid(max_usd, hour, timeout=timeout, boot=boot)
    if length is None:
        raise InvalidArgument(
            f"max_usd of {max_usd:g} pays {max_usd / hour * 3600:.0f} s of {dealt.shards} × "
            f"{_named(priced[0])} at {hour / dealt.shards:g} $ an hour; {SHORTEST_SECONDS:g} s "
            f"is the least that makes sense. Give more, or ask for a smaller machine"
        )
    return replace(dealt, choices=priced), length


def dearest(choices: tuple[Choice, ...]) -> float:
    """What an hour of one of them may cost."""
    return max((each.usd_per_hour or 0.0 for each in choices), default=0.0)


def paid(usd: float, hour: float, *, timeout: float, boot: float) -> Span | None:
    """How long *usd* lasts at *hour* an hour; `None` where that is too short for anything."""
    if hour == 0:
        return Span(timeout, timeout + boot)
    length = usd / hour * 3600
    if length < SHORTEST_SECONDS:
        return None
    return Span(min(timeout, length - min(boot, length / 4)), min(timeout + boot, length))


def _offers(connection: Connection, needs: Needs, region: str) -> list[Offer]:
    from portable.compute.catalogue import offers

    found = offers(needs, providers=[connection.provider], regions=[region])[:CHOICES]
    if found or needs.machine is not None:  # the provider may have types that the list hasn't
        return found
    elsewhere = sorted({each.region for each in offers(needs, providers=[connection.provider])})
    raise InvalidArgument(
        f"no machine of {connection.provider!r} in {region} has what is needed: "
        f"{_wanted(needs)}. "
        + (
            f"There are some in {', '.join(elsewhere)}"
            if elsewhere
            else "Ask for less, or name the provider's own type as 'machine'; `portable machines` "
            "lists those that are known"
        )
    )


def _room(offer: Offer, needs: Needs) -> int:
    rooms = [offer.cpus / needs.cpus]
    if needs.memory_gib is not None:
        rooms.append(offer.memory_gib / needs.memory_gib)
    if needs.gpus:
        rooms.append(offer.gpus / needs.gpus)
    return max(1, int(min(rooms)))


def _choice(offer: Offer, needs: Needs, otherwise: float | None) -> Choice:
    price = offer.price(needs.spot)
    return Choice(
        machine=offer.machine,
        accelerator=offer.accelerator or "",
        usd_per_hour=otherwise if price is None else price,
        as_of=offer.as_of.isoformat() if price is not None and offer.as_of else "",
        source=offer.source if price is not None else "setting 'usd_per_hour'" * bool(otherwise),
    )


def _named(choice: Choice) -> str:
    return choice.machine or "a machine of this place"


def _wanted(needs: Needs) -> str:
    said = [f"{needs.cpus:g} cpus"]
    if needs.memory_gib is not None:
        said.append(f"{needs.memory_gib:g} GiB")
    if needs.gpus:
        said.append(f"{needs.gpus} × {needs.gpu or 'any GPU'}")
    return ", ".join(said)
