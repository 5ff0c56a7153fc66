"""``portable queue receive``, ``peek`` and ``dead``."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from portable.cli.commands import command
from portable.cli.failures import NOT_FOUND
from portable.cli.listing import when
from portable.cli.queues.naming import Which, opened
from portable.cli.session import Session
from portable.cli.values import duration
from portable.errors import PortableError, Unsupported

if TYPE_CHECKING:
    from portable.queue import Message, Queue

Count = Annotated[int, typer.Option("--max", "-n", min=1, help="At most so many.")]
# Dead letters of a provider that shows none without handing it out are leased for so long.
LOOK_SECONDS = 30


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    command(app, "receive", panel="Commands")(receive)
    command(app, "peek", panel="Commands")(peek)
    command(app, "dead", panel="Commands")(dead)


def receive(
    session: Session,
    queue: Which = None,
    count: Count = 1,
    wait: Annotated[
        str, typer.Option(metavar="TIME", help="How long to wait for the first: 20s, 5m.")
    ] = "0s",
    no_ack: Annotated[
        bool, typer.Option("--no-ack", help="Hand them back after they are printed.")
    ] = False,
) -> None:
    """Print messages, and remove each once it is printed.

    The exit code is 3 when there is none.
    """
    messages = opened(queue).receive(count, wait=duration(wait))
    for at, message in enumerate(messages):
        try:
            _ = message.body  # one that can't be read isn't removed
            _show(session, message)
            sys.stdout.flush()
        except BaseException:
            for unseen in messages[at:]:
                unseen.nack()
            raise
        if no_ack:
            message.nack()
        else:
            message.ack(strict=True)
    _end(session, messages)


def peek(session: Session, queue: Which = None, count: Count = 1) -> None:
    """Print messages and leave them where they are, as if nobody had looked.

    The exit code is 3 when there is none.
    """
    messages = opened(queue).peek(count)
    for message in messages:
        _show(session, message)
    _end(session, messages)


def dead(session: Session, queue: Which = None, count: Count = 10) -> None:
    """Print dead letters with the reason why each is one.

    [bold]portable queue redrive[/bold] brings them back. The exit code is 3 when there is none.
    """
    letters = opened(queue).dead_letters
    if letters is None:
        raise Unsupported("this queue has the dead letters itself: look at it with peek")
    messages = _looked_at(letters, count)
    for message in messages:
        if session.as_json:
            _show(session, message)
            continue
        about = message.attributes
        session.line(
            f"{about.get('dead-letter-time', '?')}  {message.id}  "
            f"after {about.get('dead-letter-attempts', '?')}: "
            f"{about.get('dead-letter-reason', 'no reason is known')}"
        )
        if error := about.get("dead-letter-error"):
            session.line(f"  {error}")
        session.line(f"  {_text(*_read(message))}")
    _end(session, messages)


def _looked_at(letters: Queue, count: int) -> list[Message]:
    if letters.capabilities.peeks:
        return letters.peek(count)
    messages = letters.receive(count, lease=LOOK_SECONDS)
    for message in messages:
        message.nack()
    return messages


def _read(message: Message) -> tuple[Any, str | None]:
    """The body, or why it can't be read: that hides no other message."""
    try:
        return message.body, None
    except PortableError as error:
        return None, error.message


def _show(session: Session, message: Message) -> None:
    body, problem = _read(message)
    if session.as_json:
        session.record(_document(message, body, problem))
    elif isinstance(body, bytes):
        sys.stdout.flush()
        sys.stdout.buffer.write(body + b"\n")
    else:
        session.line(_text(body, problem))


def _document(message: Message, body: Any, problem: str | None) -> Mapping[str, Any]:
    is_bytes = isinstance(body, bytes)
    return {
        "id": message.id,
        "body": None if is_bytes else body,
        "body_base64": base64.b64encode(body).decode() if is_bytes else None,
        "attributes": dict(message.attributes),
        "attempts": message.attempts,
        "sent_at": when(message.sent_at) if message.sent_at else None,
        "group": message.group,
        "problem": problem,
    }


def _text(body: Any, problem: str | None) -> str:
    if problem is not None:
        return f"can't be read: {problem}"
    if isinstance(body, bytes):
        return f"{len(body):,} bytes: {body[:60]!r}"
    return json.dumps(body, ensure_ascii=False)


def _end(session: Session, messages: list[Message]) -> None:
    if not messages:
        session.note("no message")
        raise typer.Exit(NOT_FOUND)
