"""``portable run -- COMMAND``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from portable.cli.commands import INTERRUPTED, command
from portable.cli.jobs import following, telling
from portable.cli.jobs.naming import Where, opened
from portable.cli.needs import Cpus, Disk, Gpu, Gpus, Image, Machine, Memory, Spot
from portable.cli.programs import BeforeProgram
from portable.cli.session import Session
from portable.cli.values import duration, pairs
from portable.errors import InvalidArgument

if TYPE_CHECKING:
    from portable.compute import Job


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    command(app, "run", panel="Compute", cls=BeforeProgram)(run)


def run(
    session: Session,
    where: Where = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Names the job: the same work runs once.")
    ] = None,
    cpus: Cpus = 1,
    memory: Memory = None,
    gpus: Gpus = 0,
    gpu: Gpu = None,
    disk: Disk = None,
    machine: Machine = None,
    spot: Spot = False,
    image: Image = None,
    env: Annotated[
        list[str] | None,
        typer.Option("--env", "-e", metavar="NAME[=VALUE]", help="A variable; this shell's value."),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--in", "-i", metavar="PATH=KEY", help="An object or folder it reads."),
    ] = None,
    outputs: Annotated[
        list[str] | None,
        typer.Option("--out", "-o", metavar="PATH=KEY", help="A file or folder that is kept."),
    ] = None,
    files: Annotated[
        list[str] | None,
        typer.Option("--file", metavar="PATH", help="A file or folder here that goes along."),
    ] = None,
    timeout: Annotated[
        str, typer.Option(metavar="TIME", help="Ends it after so long: 90s, 2h, 3d.")
    ] = "1h",
    retries: Annotated[int, typer.Option(min=0, help="How often a lost machine is replaced.")] = 0,
    max_usd: Annotated[
        float | None, typer.Option(metavar="USD", help="Ends it when this much is used up.")
    ] = None,
    count: Annotated[
        int, typer.Option(min=1, help="So many tasks, told apart by their index.")
    ] = 1,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print its log, and end as it does.")
    ] = False,
) -> None:
    """Run the command after [bold]--[/bold] on a machine of its own, and print the job's id.

    Files that it names go along. One word is run by a shell. Ctrl-C in --follow asks whether to
    leave it running.
    """
    job = opened(where).submit(
        _command(session.options.program),
        name=name,
        cpus=cpus,
        memory_gib=memory,
        gpus=gpus,
        gpu=gpu,
        disk_gib=disk,
        machine=machine,
        spot=spot,
        image=image,
        env=_environment(env or []),
        inputs=pairs(inputs or [], "--in"),
        outputs=pairs(outputs or [], "--out"),
        files=files,
        timeout=duration(timeout),
        retries=retries,
        max_usd=max_usd,
        count=count,
    )
    _tell(session, job)
    if follow:
        try:
            following.show_log(session, job, follow=True)
            following.end(session, job)
        except KeyboardInterrupt:
            _interrupted(session, job)


def _command(program: tuple[str, ...] | None) -> str | tuple[str, ...]:
    if not program:
        raise InvalidArgument("name the command that is to run: portable run … -- COMMAND")
    return program[0] if len(program) == 1 else program


def _environment(given: list[str]) -> dict[str, str]:
    whole = []
    for text in given:
        if "=" not in text and text not in os.environ:
            raise InvalidArgument(
                f"--env {text}: this shell has no such variable; write {text}=VALUE"
            )
        whole.append(text if "=" in text else f"{text}={os.environ[text]}")
    return pairs(whole, "--env")


def _tell(session: Session, job: Job) -> None:
    record = job.record
    choice = record.choices[0] if record.choices else None
    told: dict[str, Any] = {
        "id": job.id,
        "machine": choice.machine if choice else "",
        "usd_per_hour": choice.usd_per_hour if choice else None,
        "most_usd": _most(job),
        "files": list(record.files),
    }
    if session.as_json:
        session.record(told)
        return
    session.line(job.id)
    sys.stdout.flush()
    if record.files:
        session.note(f"goes along: {', '.join(record.files[:8])}{' …' if record.files[8:] else ''}")
    if choice and choice.usd_per_hour:
        what = f"{choice.machine}, " if choice.machine else ""
        dated = f" (price of {choice.as_of})" if choice.as_of else ""
        session.note(
            f"{what}${choice.usd_per_hour:.4f} an hour{dated}, at most ${told['most_usd']:.2f}"
        )


def _most(job: Job) -> float | None:
    """What the job costs at the worst: every machine to its end, each retry too."""
    record = job.record
    prices = [choice.usd_per_hour for choice in record.choices]
    if not prices or None in prices:
        return None
    dearest = max(price for price in prices if price is not None)
    tries = 1 + record.retries
    most = dearest * record.lifetime / 3600 * record.shards * tries
    return round(most if record.max_usd is None else min(most, record.max_usd), 4)


def _interrupted(session: Session, job: Job) -> None:
    leave = f"{job.id} goes on: portable logs -f {job.id}, portable cancel {job.id}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        session.note(leave)
        raise typer.Exit(INTERRUPTED) from None
    if typer.confirm(f"\nCancel {job.id}? Else it goes on", default=False, err=True):
        job.cancel()
        result = job.wait()
        session.note(telling.sentence(job, result))
    else:
        session.note(leave)
    raise typer.Exit(INTERRUPTED) from None
