"""``portable machines``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from portable.cli import completing
from portable.cli.columns import UNKNOWN, columns
from portable.cli.commands import command
from portable.cli.needs import Cpus, Gpu, Gpus, Memory
from portable.cli.session import Session
from portable.errors import InvalidArgument
from portable.spelling import did_you_mean, listed

if TYPE_CHECKING:
    from portable.compute.catalogue import Offer

HEAD = ("$/HOUR", "SPOT", "CPUS", "GIB", "GPUS", "PROVIDER", "REGION", "MACHINE", "AS OF")
ALIGNED = ">>>><<<<<"


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    command(app, "machines", panel="Compute")(machines)


def machines(
    session: Session,
    cpus: Cpus = 1,
    memory: Memory = None,
    gpus: Gpus = 0,
    gpu: Gpu = None,
    machine: Annotated[
        str | None, typer.Option(metavar="TYPE", help="This type: p3.8xlarge.")
    ] = None,
    spot: Annotated[
        bool, typer.Option("--spot", help="By the price of machines that may be taken away.")
    ] = False,
    provider: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Only this provider's; may be repeated.",
            autocompletion=completing.sellers,
        ),
    ] = None,
    region: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only there; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
) -> None:
    """List the clouds' machines that have what is needed, the cheapest first.

    From a file in the package, so nothing is sent and nothing has to be configured. Prices are US
    dollars per hour as they were on the day beside them.
    """
    from portable.compute import catalogue
    from portable.compute.needs import Needs

    needs = Needs(cpus=cpus, memory_gib=memory, gpus=gpus, gpu=gpu, spot=spot, machine=machine)
    names = catalogue.providers()
    _check(provider, "provider", names)
    sellers = provider or names
    _check(region, "region", [each for name in sellers for each in catalogue.regions(name)])
    _check([machine] if machine else None, "machine", catalogue.machines())
    found = catalogue.offers(needs, providers=provider or None, regions=region or None)
    shown = found[:limit]
    if session.as_json:
        for offer in shown:
            session.record(as_document(offer))
    elif shown:
        for line in columns([HEAD, *map(_columns, shown)], ALIGNED):
            session.line(line)
    if not found:
        session.note(_nothing(machine))
    elif len(found) > limit:
        session.note(f"{limit} of {len(found)}: see more with --limit")


def as_document(offer: Offer) -> dict[str, Any]:
    """An offer for programs: its fields, and `None` for what isn't known."""
    import dataclasses

    document = dataclasses.asdict(offer)
    document["as_of"] = offer.as_of and offer.as_of.isoformat()
    return document


def _columns(offer: Offer) -> tuple[str, ...]:
    added = f" + {offer.gpus:g} {offer.accelerator}" if offer.accelerator else ""
    return (
        _price(offer.usd_per_hour),
        _price(offer.usd_per_hour_spot),
        f"{offer.cpus:g}",
        f"{offer.memory_gib:g}",
        f"{offer.gpus:.3g} {offer.gpu} {offer.gpu_memory_gib:g}GB" if offer.gpu else UNKNOWN,
        offer.provider,
        offer.region,
        offer.machine + added,
        offer.as_of.isoformat() if offer.as_of else "undated",
    )


def _price(usd: float | None) -> str:
    return UNKNOWN if usd is None else f"{usd:.4f}"


def _check(given: list[str] | None, name: str, known: list[str]) -> None:
    """An option's values are among those that the catalogue knows."""
    for value in given or ():
        if value not in known:
            near = did_you_mean(value, known)
            few = f"; it has {listed(set(known))}" if not near and len(set(known)) < 20 else ""
            raise InvalidArgument(f"the catalogue has no {name} {value[:64]!r}{near}{few}")


def _nothing(machine: str | None) -> str:
    """Why there may be none, and where there are some."""
    from portable.compute.catalogue import providers, regions_with

    if machine is None:
        return "no machine of the catalogue has all of that: ask for less"
    where = [f"{name} {region}" for name in providers() for region in regions_with(name, machine)]
    return f"no {machine} has all of that there; the catalogue has it in {', '.join(where)}"
