"""What DigitalOcean's API says went wrong, as `portable.errors`."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping

from portable.errors import (
    AlreadyExists,
    EndpointRefused,
    InstanceNotFound,
    InvalidArgument,
    NoCapacity,
    PermissionDenied,
    PortableError,
    QuotaExceeded,
    Throttled,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from portable.spelling import listed
from portable.transport import clock_skew, retry_after

# https://docs.digitalocean.com/reference/api/intro/#http-statuses
BY_STATUS: Mapping[int, type[PortableError]] = {
    400: InvalidArgument,
    401: Unauthenticated,
    403: PermissionDenied,
    404: InstanceNotFound,
    405: Unsupported,
    408: Unavailable,
    413: InvalidArgument,
    422: InvalidArgument,
    429: Throttled,
}


class NotHere(InvalidArgument):
    """The region has no such size, or none now; it never leaves the driver."""


# A 422 has words alone. Those of limits, sizes, capacity, keys and events are in
# https://github.com/digitalocean/api-v2/issues, .../doctl/issues and
# https://www.digitalocean.com/community/questions/high-cpu-droplet-availability-via-the-digtialocean-api
BY_WORDS: tuple[tuple[re.Pattern[str], type[PortableError]], ...] = tuple(
    (re.compile(words, re.IGNORECASE), kind)
    for words, kind in (
        (r"(droplet|gpu|account|volume)\b.{0,40}\blimit", QuotaExceeded),
        (r"currently restricted", QuotaExceeded),
        (r"temporarily unavailable|capacity|sold out", NoCapacity),
        (r"size is not available|invalid size|size is unavailable", NotHere),
        (r"pending event|\block(ed)?\b", Unavailable),
        (r"invalid key identifiers", Unavailable),  # an ssh key is known some seconds later
        (r"already in use", AlreadyExists),
    )
)
HINTS: Mapping[type[PortableError], str] = {
    NoCapacity: "try again later, another size, or another region",
    PermissionDenied: "give the token the scopes that docs/digitalocean.md lists",
    QuotaExceeded: (
        "destroy Droplets that aren't needed, or ask for more at "
        "https://cloud.digitalocean.com/account/team/droplet_limit_increase"
    ),
    Unauthenticated: "set DIGITALOCEAN_TOKEN to a personal access token that is still valid",
}
WORDS_MAX = 500
LONGEST_WAIT = 3600.0  # rates are for an hour


def from_answer(status: int, headers: Mapping[str, str], body: bytes) -> PortableError:
    """The error that an answer means; *headers*' names are lower-case."""
    if 300 <= status < 400:
        return EndpointRefused(f"the server answers {status}, a redirect; it isn't followed")
    told = _told(body)
    words = str(told.get("message") or "no reason given")[:WORDS_MAX]
    kind = _meaning(status, words)
    request = told.get("request_id") or headers.get("x-request-id")
    where = f"{told.get('id') or status}{f', request {request}' if request else ''}"
    parts = [f"{words} ({where})", *_elsewhere(told)]
    if kind in HINTS:
        parts.append(HINTS[kind])
    return kind(
        "; ".join(parts),
        ambiguous=status >= 500 or status == 408,
        retry_after=_wait(headers) if kind is Throttled else retry_after(headers),
    )


def _meaning(status: int, words: str) -> type[PortableError]:
    if status == 422:
        for pattern, kind in BY_WORDS:
            if pattern.search(words):
                return kind
    return BY_STATUS.get(status) or (Unavailable if status >= 500 else PortableError)


def _elsewhere(told: Mapping[str, object]) -> list[str]:
    """The regions that could take the Droplet now, where the answer names them."""
    about = told.get("error_attributes")
    regions = about.get("available_regions") if isinstance(about, dict) else None
    return [f"there is room in {listed(map(str, regions))}"] if regions else []


def _wait(headers: Mapping[str, str]) -> float | None:
    """The seconds until requests are taken again.

    A burst is told by Retry-After, the hour's rate by when its oldest request expires:
    https://docs.digitalocean.com/reference/api/intro/#rate-limit
    """
    seconds = retry_after(headers)
    reset = headers.get("ratelimit-reset", "")
    if seconds is not None or not re.fullmatch(r"\d{1,12}", reset):
        return seconds
    skew = clock_skew(headers)
    now = time.time() - (0.0 if math.isnan(skew) else skew)
    return min(max(float(reset) - now, 0.0), LONGEST_WAIT)


def _told(body: bytes) -> Mapping[str, object]:
    """What is in an error's body; nothing where it isn't DigitalOcean's."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
