"""Ranges and conditions as object stores speak of them over HTTP, for adapters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from portable.errors import (
    AlreadyExists,
    InvalidArgument,
    NotFound,
    PreconditionFailed,
    Unavailable,
)
from portable.storage.driver import WriteOptions

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class RangeOutside(InvalidArgument):
    """The range lies past the object's end; the driver reads it as empty."""


def range_header(start: int, end: int | None) -> str:
    """The Range of a request, whose last byte is inclusive."""
    if start < 0:
        return f"bytes={start}"
    return f"bytes={start}-{'' if end is None else end - 1}"


def checked_total(content_range: str | None, start: int, end: int | None, *, empty: bool) -> int:
    """The object's size from the answer to a range, when it is the range asked for.

    Args:
        content_range: The answer's Content-Range.
        empty: The answer has no body; some servers answer so, and without a Content-Range, for
            an empty object.

    Raises:
        Unavailable: a proxy or server gave other bytes.
    """
    match = _CONTENT_RANGE.fullmatch(content_range or "")
    if match is None:
        if empty:
            return 0
        raise Unavailable("the server ignored the range that was asked for")
    first, last, total = (int(number) for number in match.groups())
    wanted = max(0, total + start) if start < 0 else start
    stop = total if end is None or start < 0 else min(end, total)
    if (first, last + 1) != (wanted, stop):
        raise Unavailable(f"the server gave bytes {first}-{last}, not {wanted}-{stop - 1}")
    return total


def quoted(etag: str) -> str:
    """An ETag in quotes: some answers leave them out, and a revision is one text."""
    return etag if etag.startswith('"') else f'"{etag}"'


@contextmanager
def conditions(
    write: WriteOptions, *, is_missing: Callable[[NotFound], bool] = lambda _: False
) -> Iterator[None]:
    """Tell a refused condition of *write* from the server's words for it.

    Args:
        is_missing: Does the error say that the object to be replaced isn't there?
    """
    try:
        yield
    except PreconditionFailed as error:
        if write.if_absent:
            raise AlreadyExists("there is an object already") from error.__cause__
        raise
    except NotFound as error:
        if write.if_match is None or not is_missing(error):
            raise
        raise PreconditionFailed("there is no object to replace") from error.__cause__
