"""Errors and links in Compute Engine's words.

https://cloud.google.com/compute/docs/reference/rest/v1
"""

from __future__ import annotations

from datetime import UTC, datetime

from portable.testing.fakes.rest import Refused

ROOT = "https://www.googleapis.com/compute/v1"


def refused(status: int, reason: str, words: str) -> Refused:
    """A request that is answered with an error."""
    about = {"message": words, "domain": "global", "reason": reason}
    return Refused(status, {"error": {"code": status, "message": words, "errors": [about]}})


def invalid(field: str, value: object, words: str = "") -> Refused:
    """A value that can't be."""
    text = f"Invalid value for field '{field}': '{value}'. {words}".rstrip()
    return refused(400, "invalid", text)


def not_found(path: str) -> Refused:
    """Something named that there isn't."""
    return refused(404, "notFound", f"The resource '{path}' was not found")


def link(path: str) -> str:
    """A resource's URL."""
    return f"{ROOT}/{path}"


def moment(seconds: float) -> str:
    """A time as text; Google's are in its head office's zone, which a client must not rely on."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
