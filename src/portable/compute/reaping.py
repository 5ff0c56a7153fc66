"""Ending what nobody looks after any longer: jobs whose client vanished, machines past their end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.compute.advancing import advance
from portable.compute.memory import Memory
from portable.compute.records import JobRecord
from portable.errors import PortableError

if TYPE_CHECKING:
    from portable.compute.site import Site
    from portable.compute.types import InstanceInfo

LEFTOVER_SECONDS = 3600.0  # after which a submit that didn't get to its end is none any more


def reap(site: Site, *, dry_run: bool) -> list[InstanceInfo]:
    """Take the next step of every job that hasn't ended, and end the machines that should have.

    Returns:
        The machines that were ended or, with *dry_run*, would be.

    Raises:
        ExceptionGroup: of `PortableError`; the rest was done.
    """
    errors: list[PortableError] = []
    if not dry_run:
        for id in active_ids(site):
            try:
                _look_after(site, id)
            except PortableError as error:
                errors.append(error)
    found: list[InstanceInfo] = []
    ended: dict[str, bool] = {}
    for machine in site.machines():
        if machine.state == "terminated" or not _is_left(site, machine, ended):
            continue
        try:
            if not dry_run:
                site.terminate(machine.id)
        except PortableError as error:
            errors.append(error)
        else:
            found.append(machine)
    if errors:
        raise ExceptionGroup(f"{len(errors)} of what was to be reaped failed", errors)
    return found


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


def _is_left(site: Site, machine: InstanceInfo, ended: dict[str, bool]) -> bool:
    """Is it past its deadline, or is its job over?

    A job that isn't in this storage may be in another one: only its deadline counts.
    """
    deadline = machine.tags.get("portable-deadline", "")
    if deadline.isdigit() and site.clock.now().timestamp() > int(deadline):
        return True
    id = machine.tags.get("portable-job")
    if not id:
        return False
    if id not in ended:
        ended[id] = site.shelf.bucket.exists(site.shelf.job(id, "result.json"))
    return ended[id]
