"""Whether an attempt may still end by itself, and giving up one that can't.

A machine's clock is compared with nothing: what counts is when storage took its last object, by
storage's clock. An attempt that has ended by itself meanwhile can't be given up any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.compute.manifest import GRACE_SECONDS
from portable.compute.reports import Exit
from portable.compute.site import is_gone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from portable.compute.looking import Attempt
    from portable.compute.memory import Memory
    from portable.compute.records import JobRecord, Launched
    from portable.compute.site import Site
    from portable.compute.types import InstanceInfo
    from portable.storage import ObjectInfo

BEATS = 3  # missed ones, after which an attempt is lost
SILENT_SECONDS = 30.0  # at least
UNKNOWN_SECONDS = 60.0  # so long a provider may not know what it has just started
LATE_SECONDS = 60.0  # after its deadline


def silence(record: JobRecord) -> float:
    """Seconds without a sign of life after which an attempt is given up."""
    return max(BEATS * record.heartbeat, SILENT_SECONDS)


def verdict(
    site: Site,
    record: JobRecord,
    attempt: Attempt,
    memory: Memory,
    *,
    cancelled: ObjectInfo | None,
) -> Exit | None:
    """Why an attempt is to be given up; `None` where it may still end by itself.

    The attempt was launched, and had no ``exit.json`` when it was listed.
    """
    launched = attempt.at("launched.json")
    assert launched is not None  # noqa: S101
    since = site.clock.since
    if cancelled is not None:
        if not attempt.has("started.json"):
            return Exit(reason="cancelled", detail="it was cancelled before its machine was up")
        if since(cancelled.last_modified) > silence(record) + GRACE_SECONDS:
            return Exit(reason="cancelled", detail="its machine didn't follow, and was ended")
    plan = memory.plan(site, record, attempt)
    if plan is not None and since(launched) > plan.lifetime + LATE_SECONDS:
        return Exit(reason="timeout", detail="its machine was still there after its deadline")
    sign = attempt.last_sign
    if sign is None and since(launched) > record.boot:
        return Exit(
            reason="lost",
            detail=f"its machine gave no sign of life in {record.boot:g} s: it didn't boot, has no "
            f"curl or Python 3.9, or doesn't reach storage",
        )
    if sign is not None and since(sign) > silence(record):
        return Exit(
            reason="lost", detail=f"its machine gave no sign of life for {since(sign):.0f} s"
        )
    return _gone(site, record, attempt, memory)


def give_up(site: Site, record: JobRecord, attempt: Attempt, memory: Memory, ending: Exit) -> bool:
    """Make sure that an attempt never ends by itself any more, and end its machine.

    Returns:
        False where that isn't sure yet: the machine is still there, and only its end decides.
    """
    key = site.shelf.attempt(record.id, attempt.shard, attempt.number, "exit.json")
    if site.shelf.bucket.capabilities.put_if_absent:
        site.shelf.create(key, ending.encoded())  # or it has ended by itself after all
        end_machine(site, record, attempt, memory)
        return True
    end_machine(site, record, attempt, memory)
    if not has_no_machine(site, record, attempt, memory):
        memory.ended.discard((attempt.shard, attempt.number))
        return False
    site.shelf.create(key, ending.encoded())
    return True


def end_machine(site: Site, record: JobRecord, attempt: Attempt, memory: Memory) -> None:
    """End the machine of an attempt, whoever started it; once in each process."""
    place = (attempt.shard, attempt.number)
    if place in memory.ended:
        return
    for id in _machines_of(site, record, attempt, memory.launched(site, record, attempt)):
        site.terminate(id)
    memory.ended.add(place)


def has_no_machine(site: Site, record: JobRecord, attempt: Attempt, memory: Memory) -> bool:
    """Is it certain that nothing of an attempt runs any longer?"""
    launched = memory.launched(site, record, attempt)
    if launched is None and site.is_fresh(attempt.at("plan.json")):
        return False  # it may be started, and not be listed yet
    return all(
        _has_gone(site, attempt, site.machine(id))
        for id in _machines_of(site, record, attempt, launched)
    )


def _has_gone(site: Site, attempt: Attempt, machine: InstanceInfo | None) -> bool:
    """Is a machine gone for good, and not just too new for its provider to know it?"""
    began = attempt.at("launched.json")
    if machine is None and began is not None:
        return site.clock.since(began) >= UNKNOWN_SECONDS
    return is_gone(machine)


def _machines_of(
    site: Site, record: JobRecord, attempt: Attempt, launched: Launched | None
) -> Iterable[str]:
    if launched is not None:
        return [launched.id]
    return [each.id for each in site.machines(record, attempt.shard, attempt.number)]


def _gone(site: Site, record: JobRecord, attempt: Attempt, memory: Memory) -> Exit | None:
    """Look at the machine, now and then."""
    place = (attempt.shard, attempt.number)
    launched = memory.launched(site, record, attempt)
    clock = site.connection.surroundings.clock
    pause = min(record.heartbeat, 1.0) if site.able.files else record.heartbeat
    looked = memory.looked.get(place)
    if launched is None or (looked is not None and clock() - looked < pause):
        return None
    memory.looked[place] = clock()
    machine = site.machine(launched.id)
    if not _has_gone(site, attempt, machine):
        return None
    told = machine.raw_state if machine else "not known to its provider any more"
    what = "spot machine" if record.needs.spot else "machine"
    return Exit(reason="lost", detail=f"its {what} is gone ({told}) and left no end")
