"""``portable queue send``."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from portable.cli.commands import command
from portable.cli.queues.naming import Which, opened
from portable.cli.session import Session
from portable.cli.values import duration, pairs
from portable.errors import InvalidArgument, NotAllSent, PortableError

if TYPE_CHECKING:
    from portable.queue import Queue

# Sent together; what is read ahead from stdin.
BATCH = 1000


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    command(app, "send", panel="Commands")(send)


def send(
    session: Session,
    bodies: Annotated[
        list[str] | None,
        typer.Argument(metavar="BODY", help="JSON, a message each; else stdin is one."),
    ] = None,
    queue: Which = None,
    lines: Annotated[
        bool,
        typer.Option(
            "--lines", help="Every line of stdin is a message; empty ones are none in JSON."
        ),
    ] = False,
    text: Annotated[bool, typer.Option("--text", help="Bodies are text, not JSON.")] = False,
    raw: Annotated[bool, typer.Option("--bytes", help="Bodies are bytes as they are.")] = False,
    attribute: Annotated[
        list[str] | None,
        typer.Option("--attribute", "-a", metavar="NAME=VALUE", help="May be given again."),
    ] = None,
    delay: Annotated[
        str, typer.Option(metavar="TIME", help="Not to be received before: 90s, 15m, 1h.")
    ] = "0s",
    group: Annotated[
        str | None, typer.Option(help="Messages of one group are handed out in order.")
    ] = None,
    dedup_id: Annotated[
        str | None, typer.Option(help="A second message with this id is dropped.")
    ] = None,
) -> None:
    """Send messages, and print their ids."""
    if text and raw:
        raise InvalidArgument("a body is --text or --bytes, not both")
    given = _given(bodies, lines=lines, empty=text or raw)
    messages = (_body(each, text=text, raw=raw) for each in given)
    options = {
        "attributes": pairs(attribute or [], "--attribute"),
        "delay": duration(delay),
        "group": group,
    }
    ids: list[str] = []
    try:
        for sent in _sent(opened(queue), messages, options, dedup_id):
            ids += sent
            if not session.as_json:
                for each in sent:
                    session.line(each)
    except PortableError:
        if session.as_json and ids:  # they are in the queue, whatever became of the rest
            session.document({"ids": ids})
        raise
    if session.as_json:
        session.document({"ids": ids})


def _sent(
    queue: Queue, messages: Iterator[Any], options: dict[str, Any], dedup_id: str | None
) -> Iterator[list[str]]:
    if dedup_id is not None:
        only, *more = list(itertools.islice(messages, 2)) or [None]
        if more:
            raise InvalidArgument("--dedup-id is for one message")
        yield [queue.send(only, dedup_id=dedup_id, **options)]
        return
    while some := list(itertools.islice(messages, BATCH)):
        try:
            ids = queue.send_many(some, **options)
        except NotAllSent as error:
            yield [each for each in error.ids if each is not None]
            raise
        yield ids


def _given(bodies: list[str] | None, *, lines: bool, empty: bool) -> Iterable[bytes]:
    if bodies and lines:
        raise InvalidArgument("--lines reads stdin, so no body is given beside it")
    if bodies:
        return [body.encode("utf-8", "surrogateescape") for body in bodies]
    if lines:
        return (line.removesuffix(b"\n") for line in sys.stdin.buffer if empty or line.strip())
    return [sys.stdin.buffer.read()]


def _body(data: bytes, *, text: bool, raw: bool) -> Any:
    if raw:
        return data
    try:
        return data.decode() if text else json.loads(data)
    except UnicodeDecodeError as error:
        raise InvalidArgument("a body isn't UTF-8: --bytes sends it as it is") from error
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(
            f"a body isn't JSON: {error}. --text sends text, --bytes sends anything: "
            f"{data[:60].decode('utf-8', 'replace')!r}"
        ) from error
