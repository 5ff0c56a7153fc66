"""Attributes: the same rules on every provider, so that code can move."""

from __future__ import annotations

import re
from collections.abc import Mapping

from portable.errors import InvalidArgument, InvalidType

OWN = "portable"
ENTRIES_MAX = 64
NAME_MAX = 128
VALUE_MAX = 1024
TOTAL_MAX = 16 * 1024

_NAME = re.compile(r"[A-Za-z0-9_.-]+")
# Names that some provider keeps for itself or can't take: those travel in an envelope.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
# https://cloud.google.com/pubsub/docs/reference/rest/v1/PubsubMessage
_AWKWARD_NAME = re.compile(r"(aws\.|amazon\.|goog|\.)|.*(\.\.|\.$)", re.IGNORECASE)
# What XML 1.0 can't hold, and what its readers change: the line's end \r.
_AWKWARD_TEXT = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def check_attributes(attributes: Mapping[str, str] | None) -> dict[str, str]:
    """The user's attributes, copied.

    Raises:
        InvalidType, InvalidArgument: they break the rules; nothing was sent.
    """
    if not attributes:
        return {}
    if not isinstance(attributes, Mapping):
        raise InvalidType(f"attributes are a mapping, not {type(attributes).__name__}")
    if len(attributes) > ENTRIES_MAX:
        raise InvalidArgument(
            f"a message has at most {ENTRIES_MAX} attributes, not {len(attributes)}"
        )
    total = 0
    for name, value in attributes.items():
        total += _check(name, value)
    if total > TOTAL_MAX:
        raise InvalidArgument(
            f"the attributes have {total:,} bytes, more than {TOTAL_MAX:,}; put more in the body"
        )
    return dict(attributes)


def _check(name: object, value: object) -> int:
    if not isinstance(name, str) or not isinstance(value, str):
        wrong = name if not isinstance(name, str) else value
        raise InvalidType(
            f"attributes are str to str; {name!r} has {type(wrong).__name__}. Numbers and lists "
            f"belong into the body, or into str(…)"
        )
    if not _NAME.fullmatch(name) or len(name) > NAME_MAX:
        raise InvalidArgument(
            f"the attribute's name {name!r} isn't 1 to {NAME_MAX} letters, digits, '_', '-' and '.'"
        )
    if name.lower().startswith(OWN):
        raise InvalidArgument(f"the attribute's name {name!r} begins with {OWN!r}, which is ours")
    try:
        size = len(value.encode())
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"the attribute {name!r} isn't Unicode text: {error}") from error
    if size > VALUE_MAX:
        raise InvalidArgument(
            f"the attribute {name!r} has {size:,} bytes, more than {VALUE_MAX:,}; put it in the body"
        )
    return size + len(name)


def fits_text(text: str) -> bool:
    """Does *text* come through XML, and through what reads it, as it is?"""
    return (text.isascii() and text.isprintable()) or not _AWKWARD_TEXT.search(text)


def is_plain(name: str, value: str) -> bool:
    """Can every provider that has attributes take this one as it is?"""
    return bool(value) and not _AWKWARD_NAME.match(name) and fits_text(value)
