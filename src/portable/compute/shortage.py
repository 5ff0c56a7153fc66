"""Attempts that found no machine: how long their tasks wait for one, and when it is tried again.

What an array has already may be all that a quota allows, or all that there is now. Those of its
machines that were refused wait for the others to end, and are asked for again now and then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from portable.compute.reports import Exit
from portable.errors import NoCapacity, PortableError, QuotaExceeded

if TYPE_CHECKING:
    from portable.compute.looking import Attempt, Seen
    from portable.compute.records import JobRecord
    from portable.compute.site import Site

REFUSED = (NoCapacity, QuotaExceeded)
SHORTEST_SECONDS, LONGEST_SECONDS = 60.0, 600.0  # between two tries
PART = 0.1  # of the time since one of the job's machines ended

Outlook = Literal["wait", "try", "over"]


def note(site: Site, record: JobRecord, shard: int, number: int, error: PortableError) -> None:
    """Write down that there is no machine for an attempt; it never has one any more."""
    ending = Exit(reason="no machine", detail=told(error))
    key = site.shelf.attempt(record.id, shard, number, "exit.json")
    site.shelf.create(key, ending.encoded())


def told(error: PortableError) -> str:
    """Why a machine can't be started, in a record's words."""
    return f"{type(error).__name__}: {error.message}"


def outlook(site: Site, record: JobRecord, seen: Seen, refused: Attempt) -> Outlook:
    """What is to be done for a shard whose last attempt found no machine.

    It waits as long as other machines of the job are there. A provider may take some time to count
    one out, so the last try comes `boot` seconds after the last of them has ended, or later.
    """
    at = refused.at("exit.json")
    assert at is not None  # noqa: S101
    ends = [each.at("exit.json") for each in seen.attempts() if each.had_machine]
    last_end = max((end for end in ends if end is not None), default=None)
    if not _others(record, seen) and (
        last_end is None or (at - last_end).total_seconds() > record.boot
    ):
        return "over"
    quiet = site.clock.since(last_end or seen.own["job.json"].last_modified)
    pause = min(max(quiet * PART, SHORTEST_SECONDS), LONGEST_SECONDS)
    return "try" if site.clock.since(at) >= pause else "wait"


def _others(record: JobRecord, seen: Seen) -> bool:
    """Has any part of the job a machine, or is about to ask for its first?"""
    lasts = [seen.last(shard) for shard in range(record.shards)]
    return any(last is None or not last.has("exit.json") for last in lasts)
