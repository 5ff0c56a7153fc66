"""What is removed when a job has ended: machines, secrets, and copies of what was published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.compute.publishing import target_of
from portable.compute.starting import ARCHIVE
from portable.errors import InvalidArgument, InvalidKey

if TYPE_CHECKING:
    from portable.compute.looking import Seen
    from portable.compute.memory import Memory
    from portable.compute.records import JobRecord
    from portable.compute.site import Site
    from portable.compute.types import JobResult


def tidy(site: Site, record: JobRecord, seen: Seen, memory: Memory, result: JobResult) -> None:
    """End what machines a job has left, delete what was secret or published; its mark goes last."""
    shelf = site.shelf
    for id in sorted(_machines(site, record, seen, memory)):
        site.terminate(id)
    # Also what a client has left that was killed before it came to `job.json`.
    secret = [info.key for name, info in seen.own.items() if name.startswith("work-")]
    secret += [
        shelf.attempt(record.id, each.shard, each.number, ARCHIVE) for each in seen.attempts()
    ]
    kept = _unpublished(site, record, seen, memory, result)
    slots = [
        info.key
        for each in seen.attempts()
        for name, info in each.objects.items()
        if name.startswith("out/") and info.key not in kept
    ]
    shelf.bucket.delete_many([*secret, *slots]).raise_for_errors()
    shelf.bucket.delete(shelf.active(record.id))


def _unpublished(
    site: Site, record: JobRecord, seen: Seen, memory: Memory, result: JobResult
) -> set[str]:
    """What the machines stored and couldn't be put where it belongs: it isn't removed."""
    kept, published = set(), set(result.outputs)
    for attempt in seen.attempts():
        ending = memory.exit(site, record, attempt)
        for stored in ending.outputs if ending else ():
            try:
                there = target_of(record, stored, site.shelf.folder) in published
            except (InvalidArgument, InvalidKey):
                there = False
            if not there:
                name = f"out/{stored.slot}"
                kept.add(site.shelf.attempt(record.id, attempt.shard, attempt.number, name))
    return kept


def _machines(site: Site, record: JobRecord, seen: Seen, memory: Memory) -> set[str]:
    """Those that may still be there.

    One that was started just now may not be listed yet, so what was noted counts, too. Where each
    attempt's machine was noted, and can't have been started twice, nothing else is to be found.
    """
    noted = {
        (each.shard, each.number): memory.launched(site, record, each) for each in seen.attempts()
    }
    left = {
        launched.id for place, launched in noted.items() if launched and place not in memory.ended
    }
    if not (site.able.idempotent and noted and all(noted.values())):
        left |= {each.id for each in site.machines(record) if each.state != "terminated"}
    return left
