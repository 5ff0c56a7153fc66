"""What a job has cost so far, by the prices when its machines were started."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portable.compute.looking import Seen
    from portable.compute.memory import Memory
    from portable.compute.records import JobRecord
    from portable.compute.site import Site


def cost_of(site: Site, record: JobRecord, seen: Seen, memory: Memory) -> float | None:
    """US dollars, from each launch to its attempt's end or to now; `None` where a price isn't known.

    Without disks, addresses and traffic, and to the second where the provider rounds up.
    """
    total = 0.0
    for attempt in seen.attempts():
        launched = memory.launched(site, record, attempt)
        begin = attempt.at("launched.json")
        if launched is None or begin is None:
            continue
        if launched.choice.usd_per_hour is None:
            return None
        if launched.choice.usd_per_hour:
            end = attempt.at("exit.json") or site.clock.now()
            hours = max(0.0, (end - begin).total_seconds()) / 3600
            total += launched.choice.usd_per_hour * hours
    if not total and any(each.usd_per_hour is None for each in record.choices):
        return None
    return round(total, 6)


def seconds_of(seen: Seen, memory: Memory) -> float:
    """From a job's first start to its last end, by storage's clock; the runner's where it may."""
    attempts = seen.attempts()
    if len(attempts) == 1:
        only = memory.exits.get((attempts[0].shard, attempts[0].number))
        if only is not None and only.seconds:
            return only.seconds
    starts = [
        at for each in attempts if (at := each.at("started.json") or each.at("launched.json"))
    ]
    ends = [at for each in attempts if (at := each.at("exit.json"))]
    if not starts or not ends:
        return 0.0
    return max(0.0, (max(ends) - min(starts)).total_seconds())
