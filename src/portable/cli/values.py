"""Values of options that are written in a form of their own."""

from __future__ import annotations

import re
from datetime import timedelta

from portable.errors import InvalidArgument

UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: str) -> timedelta:
    """Read ``90s``, ``15m``, ``1h``, ``7d``, ``1h30m`` or plain seconds.

    Raises:
        InvalidArgument: *text* is none of these.
    """
    if re.fullmatch(r"[0-9]{1,9}", text):
        return timedelta(seconds=int(text))
    if not re.fullmatch(r"([0-9]{1,9}[smhd])+", text):
        raise InvalidArgument(
            f"{text!r} is no time: write a number with s, m, h or d, such as 90s, 1h or 7d"
        )
    pieces = re.findall(r"([0-9]+)([smhd])", text)
    return timedelta(seconds=sum(int(number) * UNIT_SECONDS[unit] for number, unit in pieces))


def pairs(texts: list[str], option: str) -> dict[str, str]:
    """Read what was given as ``NAME=VALUE``, once for each name.

    Raises:
        InvalidArgument: one isn't, or a name is there twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InvalidArgument(f"{option} is NAME=VALUE, not {text!r}")
        if name in found:
            raise InvalidArgument(f"{option} has {name!r} twice")
        found[name] = value
    return found
