"""``portable instances …``: machines without jobs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from portable.cli.columns import UNKNOWN, columns
from portable.cli.commands import command
from portable.cli.jobs.naming import Where, opened
from portable.cli.needs import Cpus, Disk, Gpu, Gpus, Image, Machine, Memory, Spot
from portable.cli.session import Session
from portable.cli.values import duration, pairs

if TYPE_CHECKING:
    from portable.compute import InstanceInfo

Ids = Annotated[list[str], typer.Argument(metavar="ID", help="Machines, by the provider's id.")]
HEAD = ("ID", "STATE", "MACHINE", "ZONE", "ADDRESS", "NAME")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(
        help="Machines themselves, with jobs or without: list, create, stop, terminate.",
        no_args_is_help=True,
    )
    for name, function in (
        ("list", show),
        ("get", get),
        ("create", create),
        ("start", start),
        ("stop", stop),
        ("terminate", terminate),
    ):
        command(group, name, panel="Commands")(function)
    app.add_typer(group, name="instances", rich_help_panel="Compute")


def show(
    session: Session,
    where: Where = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Only those that have it.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="Those that have ended lately, too.")
    ] = False,
) -> None:
    """List the machines that portable made."""
    found = [each.info for each in opened(where).instances.list(pairs(tag or [], "--tag"))]
    _print(session, [info for info in found if everything or info.state != "terminated"])


def get(session: Session, ids: Ids, where: Where = None) -> None:
    """Show machines."""
    instances = opened(where).instances
    _print(session, [instances.get(id).info for id in ids])


def create(
    session: Session,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Its name; made by chance unless given.")
    ] = None,
    where: Where = None,
    cpus: Cpus = 1,
    memory: Memory = None,
    gpus: Gpus = 0,
    gpu: Gpu = None,
    disk: Disk = None,
    machine: Machine = None,
    spot: Spot = False,
    image: Image = None,
    boot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A shell script that it runs once it is up.")
    ] = None,
    ssh_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The public key that may log in.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="A tag.")] = None,
    lifetime: Annotated[
        str, typer.Option(metavar="TIME", help="It is ended after so long: 8h, 3d.")
    ] = "1d",
    wait: Annotated[bool, typer.Option("--wait", help="Until it runs.")] = False,
) -> None:
    """Start a machine, the cheapest that has what is needed."""
    made = opened(where).instances.create(
        name,
        cpus=cpus,
        memory_gib=memory,
        gpus=gpus,
        gpu=gpu,
        disk_gib=disk,
        machine=machine,
        spot=spot,
        image=image,
        boot=boot.read_text(encoding="utf-8") if boot else "",
        tags=pairs(tag or [], "--tag"),
        ssh_key=ssh_key.read_text(encoding="utf-8").strip() if ssh_key else "",
        lifetime=duration(lifetime),
    )
    if wait:
        made.wait("running")
    _print(session, [made.info])


def start(session: Session, ids: Ids, where: Where = None) -> None:
    """Start stopped machines."""
    instances = opened(where).instances
    for id in ids:
        instances.start(id)
        session.note(f"starts {id}")


def stop(session: Session, ids: Ids, where: Where = None) -> None:
    """Stop machines; their disks stay, and cost."""
    instances = opened(where).instances
    for id in ids:
        instances.stop(id)
        session.note(f"stops {id}")


def terminate(session: Session, ids: Ids, where: Where = None) -> None:
    """End machines for good, and all that was made with them."""
    instances = opened(where).instances
    for id in ids:
        instances.terminate(id)
        session.note(f"ends {id}")


def _print(session: Session, infos: list[InstanceInfo]) -> None:
    if session.as_json:
        for info in infos:
            session.record(_document(info))
    elif infos:
        rows = [HEAD, *map(_columns, infos)]
        for line in columns(rows, "<" * len(HEAD)):
            session.line(line)
    else:
        session.note("no machine")


def _document(info: InstanceInfo) -> dict[str, Any]:
    import dataclasses

    document = dataclasses.asdict(info)
    document["created"] = info.created and info.created.isoformat()
    return document


def _columns(info: InstanceInfo) -> tuple[str, ...]:
    spot = " (spot)" if info.spot else ""
    return (
        info.id,
        info.state,
        (info.machine or UNKNOWN) + spot,
        info.zone or UNKNOWN,
        info.address or UNKNOWN,
        info.name,
    )
