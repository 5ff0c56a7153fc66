"""``portable cat`` and ``portable sign``."""

from __future__ import annotations

import shlex
import shutil
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from portable.cli.addresses import single
from portable.cli.commands import command
from portable.cli.listing import when
from portable.cli.session import Session
from portable.cli.values import duration

if TYPE_CHECKING:
    from portable.storage import Bucket

COPY_BYTES = 1024**2


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    command(app, "cat")(cat)
    command(app, "sign")(sign)


def cat(
    session: Session,
    keys: Annotated[list[str], typer.Argument(metavar="KEY", help="Objects: keys or URLs.")],
) -> None:
    """Write objects to standard output, one after another, byte for byte."""
    for address in [single(key) for key in keys]:
        write_out(session.bucket(address), address.key)


def write_out(bucket: Bucket, key: str) -> None:
    """Stream an object to stdout, in bounded memory; it is verified as its last bytes go out."""
    with bucket.open(key) as source:
        sys.stdout.flush()
        shutil.copyfileobj(source, sys.stdout.buffer, COPY_BYTES)
        sys.stdout.buffer.flush()


def sign(
    session: Session,
    key: Annotated[str, typer.Argument(metavar="KEY", help="An object: a key or a URL.")],
    method: Annotated[str, typer.Option(help="GET, PUT, HEAD or DELETE.")] = "GET",
    expires: Annotated[
        str, typer.Option(metavar="TIME", help="How long it works: 90s, 15m, 1h, 7d.")
    ] = "1h",
) -> None:
    """Print a URL that anyone may use, without credentials, until it expires.

    A PUT may need headers too: the note on stderr and --json have them.
    """
    address = single(key)
    request = session.bucket(address).sign(
        address.key, method=method.upper(), expires=duration(expires)
    )
    if session.as_json:
        headers = dict(request.headers)
        session.document(
            {
                "method": request.method,
                "url": request.url,
                "headers": headers,
                "expires_at": when(request.expires_at),
            }
        )
        return
    session.line(request.url)
    if request.headers:
        headers_given = " ".join(
            f"-H {shlex.quote(f'{name}: {value}')}" for name, value in request.headers.items()
        )
        session.note(f"it needs these headers: curl -T FILE {headers_given} URL")
