"""The queue service's requests and answers, to and from the driver's types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from portable.errors import Unavailable
from portable.queue.driver import Leased
from portable.queue.types import QueueStats
from portable_azure.limits import PEEK_MAX
from portable_azure.markup import Element
from portable_azure.shapes import date_of, parsed

COUNT = "x-ms-approximate-messages-count"
POP_RECEIPT = "x-ms-popreceipt"
LIST = "QueueMessagesList"


def new_message(body: bytes) -> bytes:
    """The request that sends *body*, which is text that XML can hold."""
    text = escape(body.decode())
    return f"<QueueMessage><MessageText>{text}</MessageText></QueueMessage>".encode()


def sent_id(body: bytes) -> str:
    """The id of a message that was sent."""
    for message in parsed(body, LIST):
        return _text(message, "MessageId")
    raise Unavailable("the answer has no message: it isn't Azure's", ambiguous=True)


def leased_messages(body: bytes) -> list[Leased]:
    """The messages that were handed out."""
    return [
        _message(each, receipt=f"{_text(each, 'MessageId')} {_text(each, 'PopReceipt')}")
        for each in parsed(body, LIST)
    ]


def peeked_messages(body: bytes) -> list[Leased]:
    """The messages that were looked at."""
    return [_message(each, receipt="") for each in parsed(body, LIST)]


def _message(message: Element, *, receipt: str) -> Leased:
    count = _text(message, "DequeueCount")
    if not count.isdecimal():
        raise Unavailable(f"the answer's count {count!r} is none", ambiguous=True)
    return Leased(
        id=_text(message, "MessageId"),
        body=(message.findtext("MessageText") or "").encode(),
        attributes={},
        receipt=receipt,
        attempts=int(count),
        sent_at=date_of(_text(message, "InsertionTime")).timestamp(),
    )


def taken_apart(receipt: str) -> tuple[str, str]:
    """A receipt's message id and pop receipt."""
    message, _, pop = receipt.partition(" ")
    return message, pop


def receipt_of(receipt: str, headers: Mapping[str, str]) -> str:
    """The receipt that counts after *receipt* was used: each update makes a new one."""
    message, _ = taken_apart(receipt)
    return f"{message} {_header(headers, POP_RECEIPT)}"


def statistics(headers: Mapping[str, str], visible: Sequence[Leased]) -> QueueStats:
    """What the count of all messages, and a look at the visible ones, say together."""
    count = _header(headers, COUNT)
    if not count.isdecimal():
        raise Unavailable(f"the answer's count {count!r} is none", ambiguous=True)
    total = int(count)
    if len(visible) >= PEEK_MAX:  # there may be more
        return QueueStats(total=total)
    now = date_of(_header(headers, "date")).timestamp()
    sent = [each.sent_at for each in visible if each.sent_at is not None]
    hidden = None if total > len(visible) else 0  # leased or delayed: Azure doesn't tell which
    return QueueStats(
        visible=len(visible),
        leased=hidden,
        delayed=hidden,
        total=total,
        oldest_age=max(0.0, now - min(sent)) if sent else None,
    )


def _text(message: Element, name: str) -> str:
    text = message.findtext(name)
    if not text:
        raise Unavailable(
            f"the answer lacks {name!r}: it isn't Azure's, or not all of it", ambiguous=True
        )
    return text


def _header(headers: Mapping[str, str], name: str) -> str:
    if name not in headers:
        raise Unavailable(f"the answer lacks {name!r}: it isn't Azure's", ambiguous=True)
    return headers[name]
