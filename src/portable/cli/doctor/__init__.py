"""``portable doctor``: prove that a profile works, by doing what programs will do with it."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from portable.addresses import SCHEME
from portable.cli.addresses import parse
from portable.cli.commands import command
from portable.cli.doctor.checks import Check, Checks
from portable.cli.failures import FAILED
from portable.cli.queues.naming import Which
from portable.cli.session import Session, printable
from portable.config.urls import is_url
from portable.errors import InvalidArgument

if TYPE_CHECKING:
    from portable.storage import Bucket

STYLES = {"ok": "green", "failed": "bold red", "skipped": "yellow"}


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    command(app, "doctor", panel="Set-up")(doctor)


def doctor(
    session: Session,
    bucket: Annotated[
        str | None,
        typer.Argument(
            metavar="BUCKET",
            help="A bucket's name in the profile, or its URL; else the profile's own.",
        ),
    ] = None,
    queue: Which = None,
) -> None:
    """Prove that the profile works, and say what to do where it doesn't.

    Objects are written, read and removed again below [bold].portable-doctor/[/bold], messages are
    sent and received in a queue of their own. With a bucket and no queue only that is looked at.
    """
    checks = Checks(show=None if session.as_json else _Printer(session))
    proved = _prove(session, checks, _name_or_url(bucket))
    if queue is not None or (bucket is None and not checks.failed("profile")):
        from portable.cli.doctor.queues import prove_queue

        prove_queue(checks, queue)
    if session.as_json:
        session.document(
            {
                "ok": checks.all_well,
                "url": proved.url if proved else None,
                "checks": [dataclasses.asdict(check) for check in checks.done],
            }
        )
    elif checks.all_well:
        session.note("all is well")
    if not checks.all_well:
        raise typer.Exit(FAILED)


def _prove(session: Session, checks: Checks, name_or_url: str | None) -> Bucket | None:
    # Imported here: no other command needs `ssl` and `urllib`.
    from portable.cli.doctor.access import prove_access
    from portable.cli.doctor.objects import prove_objects
    from portable.cli.doctor.reach import prove_reach
    from portable.cli.doctor.setting_up import prove_settings

    bucket = prove_settings(session, checks, name_or_url)
    if bucket is not None:
        prove_reach(checks, bucket)
        prove_access(checks, bucket)
        prove_objects(checks, bucket)
        bucket.close()
    return bucket


def _name_or_url(bucket: str | None) -> str | None:
    """What `resolve_storage` takes: here a URL is a bucket with its prefix, not an object."""
    if bucket is None or not is_url(bucket) or not bucket.lower().startswith(f"{SCHEME}://"):
        return bucket
    address = parse(bucket)
    if address.profile is not None:
        words = ["portable doctor --profile", address.profile, address.bucket or ""]
        raise InvalidArgument(f"here a profile is an option: {' '.join(words).strip()}")
    return address.bucket


class _Printer:
    """Prints each check as it is done; one for all that a failure above makes pointless."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._section = ""
        self._skipped = ""

    def __call__(self, check: Check) -> None:
        if check.status == "skipped" and check.detail == self._skipped:
            return
        self._skipped = check.detail if check.status == "skipped" else ""
        if check.section != self._section:
            self._section = check.section
            self._session.line(check.section)
        if sys.stdout.isatty():
            self._print_styled(check)
            return
        self._session.line(f"  {check.status:8} {check.name:12} {check.detail}".rstrip())
        if check.advice:
            self._session.line(f"           -> {check.advice}")

    def _print_styled(self, check: Check) -> None:
        from rich.console import Console
        from rich.text import Text

        console = Console(highlight=False)
        status = (f"{check.status:8} ", STYLES[check.status])
        console.print(
            Text.assemble("  ", status, f"{check.name:12} ", printable(check.detail)),
            soft_wrap=True,
        )
        if check.advice:
            console.print(Text(f"           -> {printable(check.advice)}"), soft_wrap=True)
        sys.stdout.flush()
