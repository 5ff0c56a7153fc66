"""``portable cp`` and ``portable mv``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from portable.cli.addresses import Address, is_local, parse, single
from portable.cli.commands import command
from portable.cli.progress import shown
from portable.cli.reading import write_out
from portable.cli.session import Session
from portable.cli.syncing import DryRun, Exclude, Include, carry_out, folder_of
from portable.cli.values import pairs
from portable.errors import InvalidArgument, NotFound, ObjectChanged

if TYPE_CHECKING:
    from portable.storage import ObjectInfo

STDIO = "-"
RECURSIVE = "add -r to copy what is in it"


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    command(app, "cp")(copy)
    command(app, "mv")(move)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """What `cp` is told of the objects it makes."""

    content_type: str | None
    metadata: dict[str, str]
    if_absent: bool

    @property
    def any(self) -> bool:
        return bool(self.content_type or self.metadata or self.if_absent)


def copy(
    session: Session,
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE", help="Files, URLs of objects, or - for stdin."),
    ],
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="A file, a folder, a URL, or - for stdout.")
    ],
    content_type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Else guessed from the key.")
    ] = None,
    metadata: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Kept with the object.")
    ] = None,
    if_absent: Annotated[
        bool, typer.Option("--if-absent", help="Fail if the object exists.")
    ] = False,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="What is in a folder, into a folder.")
    ] = False,
    dry_run: DryRun = False,
    include: Include = None,
    exclude: Exclude = None,
) -> None:
    """Copy files into a bucket, objects to files, or objects between buckets.

    A path without [bold]://[/bold] is a file here: write [bold]portable://KEY[/bold] for the
    profile's bucket, [bold]portable://@PROFILE:/KEY[/bold] for another profile's. Nothing is ever
    there in part: a copy that fails leaves what was there.
    """
    write = WriteOptions(
        content_type=content_type, metadata=pairs(metadata or [], "--metadata"), if_absent=if_absent
    )
    if recursive:
        if write.any:
            raise InvalidArgument("-r takes no --content-type, --metadata or --if-absent")
        _copy_folders(session, sources, target, dry_run, include, exclude)
        return
    if dry_run or include or exclude:
        raise InvalidArgument("--dry-run, --include and --exclude are for folders: add -r")
    if target == STDIO and session.as_json:
        raise InvalidArgument("--json and the target '-' both want standard output")
    if len(sources) > 1 and not _takes_several(target):
        raise InvalidArgument(
            f"{len(sources)} sources need a folder as the target: one that exists here, or end "
            f"{target!r} with '/'"
        )
    copied: list[dict[str, Any]] = []
    try:
        for source in sources:
            copied.append(_copy(session, source, target, write))
    finally:  # what was copied is there, whatever became of the rest
        if session.as_json and (copied or not sys.exc_info()[0]):
            session.document({"copied": copied})


def move(
    session: Session,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="An object: a key or a URL.")],
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="A key or URL; ending in / a folder.")
    ],
) -> None:
    """Move an object, in a bucket or to another: copy it, then remove it."""
    origin, place = single(source, what="the source"), parse(target)
    if place.is_folder:
        place = place.child(_name(origin.key))
    bucket, home = session.bucket(origin), session.bucket(place)
    where = f"{bucket.url}/{origin.key}", f"{home.url}/{place.key}"
    if bucket is home:
        moved = bucket.move(origin.key, place.key)
    else:
        if where[0] == where[1]:
            raise InvalidArgument(
                f"source and target may be the same object, {where[0]}, and moving would then "
                "lose it; if they are at two servers, use cp, look, and rm"
            )
        before = bucket.stat(origin.key)
        moved = bucket.copy(origin.key, place.key, to=home)
        if bucket.stat(origin.key).revision != before.revision:
            raise ObjectChanged(
                "the source was replaced while it was copied; both are kept", resource=where[0]
            )
        bucket.delete(origin.key)
    if session.as_json:
        session.document(_told(where[0], where[1], moved))
    session.note(f"moved {where[0]} to {where[1]}")


def _copy_folders(
    session: Session,
    sources: list[str],
    target: str,
    dry_run: bool,
    include: list[str] | None,
    exclude: list[str] | None,
) -> None:
    from portable.transfers.engine import Plan

    if len(sources) > 1:
        raise InvalidArgument("-r copies what is in one folder; give one source")
    plan = Plan(
        source=folder_of(session, sources[0]),
        target=folder_of(session, target),
        dry_run=dry_run,
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
    )
    carry_out(session, plan)


def _copy(session: Session, source: str, target: str, write: WriteOptions) -> dict[str, Any]:
    """Copy one object or file, and return what there is to tell of it."""
    if source == STDIO or is_local(source):
        if target == STDIO or is_local(target):
            raise InvalidArgument(
                f"neither {source!r} nor {target!r} is in a bucket: write portable://KEY for the "
                "profile's bucket, or a URL such as s3://bucket/key"
            )
        return _upload(session, source, parse(target), write)
    origin = single(source, what="the source")
    if write.any:
        raise InvalidArgument(
            "--content-type, --metadata and --if-absent are for files that go into a bucket; a "
            "copy of an object keeps what it has"
        )
    if target == STDIO:
        write_out(session.bucket(origin), origin.key)
        return {}
    if is_local(target):
        return _download(session, origin, target)
    place = parse(target)
    if place.is_folder:
        place = place.child(_name(origin.key))
    bucket, home = session.bucket(origin), session.bucket(place)
    # Asked only to know whether a bar is worth it; a copy on the server has nothing to show.
    size = bucket.stat(origin.key).size if session.shows_progress else None
    with shown(session, origin.key, size) as progress:
        info = bucket.copy(origin.key, place.key, to=home, progress=progress)
    return _done(session, f"{bucket.url}/{origin.key}", f"{home.url}/{place.key}", info)


def _upload(session: Session, source: str, place: Address, write: WriteOptions) -> dict[str, Any]:
    if source == STDIO and place.is_folder:
        raise InvalidArgument("standard input has no name: give the object's whole key")
    path = Path(source)
    if source != STDIO and path.is_dir():
        raise InvalidArgument(f"the source {source!r} is a folder: {RECURSIVE}")
    if source != STDIO and not path.exists():
        raise NotFound(
            f"there is no local file {source!r}; an object of the profile's bucket is "
            f"portable://{source}"
        )
    if place.is_folder:
        place = place.child(path.name)
    bucket = session.bucket(place)
    size = None if source == STDIO else path.stat().st_size
    with shown(session, place.key, size) as progress:
        info = bucket.put(
            place.key,
            sys.stdin.buffer if source == STDIO else path,
            content_type=write.content_type,
            metadata=write.metadata,
            if_absent=write.if_absent,
            progress=progress,
        )
    return _done(session, source, f"{bucket.url}/{place.key}", info)


def _download(session: Session, origin: Address, target: str) -> dict[str, Any]:
    from portable.storage.files import download

    path = Path(target)
    if target.endswith("/") or path.is_dir():
        path = path / _name(origin.key)
    bucket = session.bucket(origin)
    # Asked only to know whether a bar is worth it; the download sees a revision of its own.
    size = bucket.stat(origin.key).size if session.shows_progress else None
    with shown(session, origin.key, size) as progress:
        info = download(bucket, origin.key, path, progress=progress)
    return _done(session, f"{bucket.url}/{origin.key}", str(path), info)


def _name(key: str) -> str:
    """The last segment of a key, as a file's name in a folder that the user named."""
    name = key.rpartition("/")[2]
    if name in ("", ".", "..") or "\0" in name or "\\" in name:
        raise InvalidArgument(
            f"the key {key!r} ends in {name!r}, which is no plain file name: name the target itself"
        )
    return name


def _takes_several(target: str) -> bool:
    if target == STDIO:
        return True
    return target.endswith("/") or (
        Path(target).is_dir() if is_local(target) else _is_place(target)
    )


def _is_place(target: str) -> bool:
    return parse(target).is_folder


def _done(session: Session, source: str, target: str, info: ObjectInfo) -> dict[str, Any]:
    session.note(f"copied {source} to {target}")
    return _told(source, target, info)


def _told(source: str, target: str, info: ObjectInfo) -> dict[str, Any]:
    checksum = f"{info.checksum.algorithm} {info.checksum.value}" if info.checksum else None
    return {
        "source": source,
        "target": target,
        "size": info.size,
        "revision": info.revision,
        "checksum": checksum,
    }
