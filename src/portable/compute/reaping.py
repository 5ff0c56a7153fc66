"""Ending what nobody looks after any longer: jobs whose client vanished, machines past their end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from portable.compute.advancing import advance
from portable.compute.looking import look
from portable.compute.memory import Memory
from portable.compute.records import JobRecord, loaded
from portable.compute.site import NONCE
from portable.compute.verdicts import verdict
from portable.errors import PortableError

if TYPE_CHECKING:
    from portable.compute.site import Site
    from portable.compute.types import InstanceInfo

ENDING = ("terminating", "terminated")  # somebody has seen to it
LEFTOVER_SECONDS = 3600.0  # after which a submit that didn't get to its end is none any more


def reap(site: Site, *, dry_run: bool) -> list[InstanceInfo]:
    """Take the next step of every job that hasn't ended, and end the machines that should have.

    Returns:
        The machines that were ended or, with *dry_run*, would be.

    Raises:
        ExceptionGroup: of `PortableError`; the rest was done.
    """
    errors: list[PortableError] = []
    active = active_ids(site)
    lost: set[str] = set()
    for id in active:
        with _kept(errors):
            lost |= _lost(site, id)
    over: dict[str, str | None] = {}
    found = [
        machine
        for machine in site.machines()
        if machine.state not in ENDING and (machine.id in lost or _is_left(site, machine, over))
    ]
    if not dry_run:
        for id in active:
            with _kept(errors):
                _look_after(site, id)
        for machine in found:
            with _kept(errors):
                site.terminate(machine.id)
    if errors:
        raise ExceptionGroup(f"{len(errors)} of what was to be reaped failed", errors)
    return found


@contextmanager
def _kept(errors: list[PortableError]) -> Iterator[None]:
    """Go on after a failure."""
    try:
        yield
    except PortableError as error:
        errors.append(error)


def active_ids(site: Site) -> list[str]:
    """Jobs that haven't ended, the newest first."""
    mark = site.shelf.active()
    found = [
        (info.last_modified, info.key.removeprefix(mark)) for info in site.shelf.bucket.list(mark)
    ]
    return [id for _, id in sorted(found, reverse=True)]


def _look_after(site: Site, id: str) -> None:
    shelf = site.shelf
    data = shelf.read(shelf.job(id, "job.json"))
    if data is not None:
        advance(site, JobRecord.decoded(data), Memory())
        return
    mark = shelf.bucket.stat(shelf.active(id))
    if site.clock.since(mark.last_modified) < LEFTOVER_SECONDS:
        return  # somebody may be submitting it
    shelf.bucket.delete_prefix(shelf.job(id)).raise_for_errors()
    names = [
        info.key
        for info in shelf.bucket.list(shelf.recent())
        if info.key.removeprefix(shelf.recent()).partition("-")[2] == id
    ]
    shelf.bucket.delete_many([*names, shelf.active(id)]).raise_for_errors()


def _lost(site: Site, id: str) -> set[str]:
    """The machines of a job's attempts that have ended, or are to be given up."""
    data = site.shelf.read(site.shelf.job(id, "job.json"))
    record = JobRecord.decoded(data) if data is not None else None
    if record is None or record.place != site.place:
        return set()
    memory, seen, found = Memory(), look(site.shelf, id), set()
    for attempt in seen.attempts():
        launched = memory.launched(site, record, attempt)
        if launched is not None and (
            attempt.has("exit.json")
            or verdict(site, record, attempt, memory, cancelled=seen.own.get("cancel.json"))
        ):
            found.add(launched.id)
    return found


def _is_left(site: Site, machine: InstanceInfo, over: dict[str, str | None]) -> bool:
    """Is it past its deadline, or is its job over?

    A job that isn't in this storage may be in another one: only its deadline counts.

    Args:
        over: The nonces of jobs that have ended, as far as they were looked at.
    """
    deadline = machine.tags.get("portable-deadline", "")
    if deadline.isdigit() and site.clock.now().timestamp() > int(deadline):
        return True
    id = machine.tags.get("portable-job")
    if not id:
        return False
    if id not in over:
        over[id] = _nonce_of_ended(site, id)
    nonce = over[id]
    return nonce is not None and machine.tags.get(NONCE, nonce) == nonce


def _nonce_of_ended(site: Site, id: str) -> str | None:
    """What tells a job that has ended from others of its name; `None` where none has."""
    shelf = site.shelf
    if not shelf.bucket.exists(shelf.job(id, "result.json")):
        return None
    data = shelf.read(shelf.job(id, "job.json"))
    return None if data is None else str(loaded(data).get("nonce", ""))
