"""Filters of listings: ``(labels.a = "b") (status = RUNNING)``.

https://cloud.google.com/compute/docs/reference/rest/v1/instances/aggregatedList
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from portable.testing.fakes.gce.wording import invalid

_TERM = re.compile(r"""\s*\(?\s*([\w.-]+)\s*(=|eq)\s*(?:"([^"]*)"|([\w.*/-]+))\s*\)?\s*(AND\b)?""")


def parsed(text: str) -> Callable[[Mapping[str, Any]], bool]:
    """Does a resource have all that the filter asks for?"""
    terms, place = [], 0
    while place < len(text):
        found = _TERM.match(text, place)
        if found is None:
            raise invalid("filter", text, "Invalid list filter expression.")
        value = found[3] if found[3] is not None else found[4]
        # With "eq" it is a regular expression.
        pattern = re.compile(value if found[2] == "eq" else re.escape(value))
        terms.append((found[1], pattern))
        place = found.end()
    return lambda resource: all(_fits(_value(resource, name), want) for name, want in terms)


def _fits(value: str | None, pattern: re.Pattern[str]) -> bool:
    return value is not None and pattern.fullmatch(value) is not None


def _value(resource: Mapping[str, Any], name: str) -> str | None:
    value: Any = resource
    for part in name.split(".", 1):
        value = value.get(part) if isinstance(value, Mapping) else None
    return None if value is None else str(value)
