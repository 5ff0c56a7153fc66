"""What this process did with Droplets lately, and DigitalOcean's API has no words for."""

from __future__ import annotations

import math
import time
from dataclasses import replace

from portable.compute.types import InstanceInfo

# One that was made just now may not be known everywhere yet.
NEW_SECONDS = 60.0
# One that is destroyed is told of as before for a while; longer, and it wasn't destroyed.
ENDING_SECONDS = 120.0
SEEN = 10_000


class Lately:
    """Droplets that were launched, seen and ended here. Safe to use from many threads."""

    def __init__(self) -> None:
        self._launched: dict[str, float] = {}  # and not seen since
        self._ended: dict[str, float] = {}
        self._seen: dict[str, InstanceInfo] = {}

    def launched(self, id: str) -> None:
        """One was made."""
        self._launched[id] = time.monotonic()

    def ended(self, id: str) -> None:
        """Its end was taken on."""
        self._launched.pop(id, None)
        self._ended[id] = time.monotonic()

    def may_come(self, id: str) -> bool:
        """Is it so new that one which isn't found may be there all the same?"""
        return _age(self._launched, id) < NEW_SECONDS

    def told(self, info: InstanceInfo) -> InstanceInfo:
        """What to tell of one that was seen: that it is on its way out, for one."""
        if info.state != "terminated" and _age(self._ended, info.id) < ENDING_SECONDS:
            info = replace(info, state="terminating")
        self._launched.pop(info.id, None)
        self._seen.pop(info.id, None)
        self._seen[info.id] = info
        if len(self._seen) > SEEN:
            self._seen.pop(next(iter(self._seen)), None)
        return info

    def gone(self, id: str) -> InstanceInfo | None:
        """What to tell of one that isn't found; `None` where nobody here has seen it."""
        self._ended.pop(id, None)
        last = self._seen.get(id)
        if last is None:
            return None
        return replace(last, state="terminated", raw_state="not_found", bills=False)


def _age(since: dict[str, float], id: str) -> float:
    return time.monotonic() - since.get(id, -math.inf)
