"""``portable ls`` and ``portable stat``."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from portable.cli.addresses import parse, single
from portable.cli.commands import command
from portable.cli.selecting import everything, one_level
from portable.cli.session import Session, printable

if TYPE_CHECKING:
    from portable.storage import ObjectInfo

# A table's columns are as wide as its rows need, so this many rows are looked at together.
TABLE_ROWS = 500
UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    command(app, "ls")(list_objects)
    command(app, "stat")(stat)


def list_objects(
    session: Session,
    prefix: Annotated[
        str,
        typer.Argument(
            metavar="PREFIX", help="A folder or object; a * at the end: keys that begin so."
        ),
    ] = "",
    long: Annotated[bool, typer.Option("--long", "-l", help="Size and time too.")] = False,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Everything below, not one level.")
    ] = False,
) -> None:
    """List objects by key; folders end in [bold]/[/bold]. With --json, one object a line."""
    address = parse(prefix, folder=True)
    bucket = session.bucket(address)
    entries: Iterable[ObjectInfo | str]
    entries = everything(bucket, address.key) if recursive else one_level(bucket, address.key)
    if session.as_json:
        for entry in entries:
            session.record({"prefix": entry} if isinstance(entry, str) else as_document(entry))
    elif not long:
        for entry in entries:
            session.line(entry if isinstance(entry, str) else entry.key)
    elif sys.stdout.isatty():
        _print_tables(map(_columns, entries))
    else:
        for size, modified, key in map(_columns, entries):
            session.line(f"{size:>10}  {modified:20}  {key}")


def stat(
    session: Session,
    key: Annotated[str, typer.Argument(metavar="KEY", help="An object: a key or a URL.")],
) -> None:
    """Describe an object."""
    address = single(key)
    document = as_document(session.bucket(address).stat(address.key))
    if session.as_json:
        session.document(document)
        return
    metadata = document.pop("metadata") or {}
    checksum = document.pop("checksum")
    if checksum:
        document["checksum"] = f"{checksum['algorithm']} {checksum['value']}"
    document |= {f"metadata {name}": value for name, value in metadata.items()}
    for name, value in document.items():
        if value is not None:
            session.line(f"{name.replace('_', ' '):14} {value}")


def as_document(info: ObjectInfo) -> dict[str, Any]:
    """An object for programs: the fields of `ObjectInfo`, those that aren't known as `None`."""
    document = dataclasses.asdict(info)
    document["last_modified"] = when(info.last_modified)
    return document


def when(moment: datetime) -> str:
    """A time for people and programs, such as ``2026-11-22T21:00:16Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def human(size: int) -> str:
    """Bytes in the largest unit that leaves at least 1, such as ``1.5 MiB``."""
    value, unit = float(size), 0
    while value >= 1024 and unit < len(UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{size} B" if unit == 0 else f"{value:.1f} {UNITS[unit]}"


def _columns(entry: ObjectInfo | str) -> tuple[str, str, str]:
    if isinstance(entry, str):
        return "", "", entry
    return human(entry.size), when(entry.last_modified), entry.key


def _print_tables(rows: Iterator[tuple[str, str, str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console, first = Console(), True
    while batch := list(islice(rows, TABLE_ROWS)):
        table = Table(box=box.SIMPLE_HEAD if first else None, show_header=first, pad_edge=False)
        table.add_column("size", justify="right", min_width=10, no_wrap=True)
        table.add_column("modified", min_width=20, no_wrap=True)
        table.add_column("key", overflow="fold")
        for size, modified, key in batch:
            style = "bold blue" if key.endswith("/") else ""
            table.add_row(size, modified, Text(printable(key), style=style))
        console.print(table)
        first = False
