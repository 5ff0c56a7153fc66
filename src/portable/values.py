"""Arguments that several services take alike: lengths of time, and counts."""

from __future__ import annotations

import math
from datetime import timedelta

from portable.errors import InvalidArgument, InvalidType

Seconds = float | timedelta


def seconds(value: object, name: str) -> float:
    """A duration as seconds, from 0 up."""
    if isinstance(value, timedelta):
        number = value.total_seconds()
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidType(f"{name} is seconds or a timedelta, not {type(value).__name__}")
    else:
        number = _float(value)
    if not math.isfinite(number) or number < 0:
        raise InvalidArgument(f"{name} is {value!r}; it is a finite time from 0 seconds up")
    return number


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number may be larger
        return math.inf


def duration(seconds: Seconds, name: str) -> timedelta:
    """Seconds as a `timedelta`."""
    if isinstance(seconds, timedelta):
        return seconds
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise InvalidType(f"{name} is seconds or a timedelta, not {type(seconds).__name__}")
    try:
        return timedelta(seconds=seconds)
    except (OverflowError, ValueError) as error:
        raise InvalidArgument(f"{name} is {seconds!r} seconds, which is no duration") from error


def check_count(value: object, name: str) -> int:
    """A whole number from 1 up."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidType(f"{name} is a whole number, not {type(value).__name__}")
    if value < 1:
        raise InvalidArgument(f"{name} is {value}; it is 1 or more")
    return value
