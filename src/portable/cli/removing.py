"""``portable rm``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from portable.cli import failures
from portable.cli.addresses import Address, parse, single
from portable.cli.commands import command
from portable.cli.listing import human
from portable.cli.selecting import STAR, everything
from portable.cli.session import Session
from portable.errors import BucketNotFound, InvalidArgument, NotFound, PortableError
from portable.storage.types import DeleteReport

if TYPE_CHECKING:
    from portable.storage import Bucket, ObjectInfo


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    command(app, "rm")(remove)


def remove(
    session: Session,
    keys: Annotated[
        list[str],
        typer.Argument(metavar="KEY", help="Objects; with -r, folders, or a * at the end."),
    ],
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Folders, with everything below.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    missing_ok: Annotated[
        bool, typer.Option("--missing-ok", help="An object that is missing already is fine.")
    ] = False,
) -> None:
    """Remove objects. With -r it asks first."""
    addresses = [_folder(key) if recursive else single(key) for key in keys]
    if recursive and session.as_json and not (yes or dry_run):
        raise InvalidArgument("with --json nobody is asked: add --yes, or --dry-run to look first")
    deleted, would, errors = 0, list[str](), list[PortableError]()
    for address in addresses:
        bucket = session.bucket(address)
        if dry_run:
            would += _would_remove(session, bucket, address, recursive=recursive)
            continue
        if recursive:
            report = _remove_all(session, bucket, address, yes=yes)
        else:
            with _folder_told(bucket, address.key):
                bucket.delete(address.key, missing_ok=missing_ok)
            report = DeleteReport(1)
            session.note(f"removed {bucket.url}/{address.key}")
        deleted += report.deleted
        errors += report.errors.values()
    if session.as_json:
        told = [failures.as_document(error) for error in errors]
        document = {"dry_run": dry_run, "deleted": deleted, "errors": told}
        session.document(document | ({"keys": would} if dry_run else {}))
    else:
        for error in errors:
            failures.tell(str(error))
    if errors:
        codes = {failures.exit_code(error) for error in errors}
        raise typer.Exit(codes.pop() if len(codes) == 1 else failures.FAILED)


@contextmanager
def _folder_told(bucket: Bucket, key: str) -> Iterator[None]:
    """Where no object is but a folder, the error says how that is removed: one request more."""
    try:
        yield
    except BucketNotFound:
        raise
    except NotFound as error:
        with suppress(PortableError):  # the answer to what was asked for is there already
            if any(True for _ in bucket.list(f"{key}/", limit=1)):
                error.message += f"; -r removes the folder {key}/"
        raise


def _folder(text: str) -> Address:
    # Without the '/' at its end a URL that has no host names a folder in a bucket, not a bucket.
    scheme, separator, rest = text.rpartition("://")
    address = parse(scheme + separator + rest.rstrip("/"))
    if rest.endswith("/") and address.key:
        address = address.child("/")
    if not address.key.removesuffix(STAR):
        raise InvalidArgument(
            f"{text!r} would remove every object of a bucket: name what is below it"
        )
    return address


def _would_remove(
    session: Session, bucket: Bucket, address: Address, *, recursive: bool
) -> list[str]:
    found = everything(bucket, address.key) if recursive else iter([bucket.stat(address.key)])
    keys = []
    for info in found:
        if session.as_json:
            keys.append(info.key)
        else:
            session.line(info.key)
    return keys


def _remove_all(session: Session, bucket: Bucket, address: Address, *, yes: bool) -> DeleteReport:
    found = everything(bucket, address.key)
    where = f"{bucket.url}/{address.key}"
    keys = (info.key for info in found) if yes else _confirmed(found, where)
    report = bucket.delete_many(keys)
    session.note(f"removed {_counted(report.deleted)} below {where}")
    return report


def _confirmed(found: Iterator[ObjectInfo], where: str) -> Iterator[str]:
    """The keys to remove, after a yes: those that were counted, none that came later."""
    size, keys = 0, []
    for info in found:
        size += info.size
        keys.append(info.key)
    if not keys:
        return iter(())
    sys.stderr.write(f"remove {_counted(len(keys))} ({human(size)}) below {where}? [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline().strip().lower()
    if answer not in ("y", "yes"):
        sys.stderr.write("" if answer else "\n")
        failures.tell("nothing was removed", hint="--yes answers where nobody can")
        raise typer.Exit(failures.FAILED)
    return iter(keys)


def _counted(number: int) -> str:
    return "1 object" if number == 1 else f"{number:,} objects"
