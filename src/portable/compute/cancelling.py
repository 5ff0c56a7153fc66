"""Asking a job to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.compute.advancing import advance
from portable.compute.costs import cost_of, seconds_of
from portable.compute.ending import ended_tasks, write_result
from portable.compute.looking import look
from portable.compute.types import JobResult

if TYPE_CHECKING:
    from portable.compute.memory import Memory
    from portable.compute.records import JobRecord
    from portable.compute.site import Site


def cancel(site: Site, record: JobRecord, memory: Memory) -> None:
    """Say so where the job's machines and its clients look, unless it has ended."""
    shelf = site.shelf
    seen = look(shelf, record.id)
    if "result.json" in seen.own:
        return
    if "cancel.json" not in seen.own:
        shelf.write(shelf.job(record.id, "cancel.json"), b"{}")
    for shard in seen.shards:
        last = seen.last(shard)
        if last is not None and not last.has("exit.json"):
            shelf.write(shelf.attempt(record.id, shard, last.number, "cancel.json"), b"{}")
    advance(site, record, memory)


def stop(site: Site, record: JobRecord, memory: Memory) -> None:
    """End a job at once, its machines too: what its tasks would still do isn't wanted."""
    seen = look(site.shelf, record.id)
    tasks = ended_tasks(site, record, seen, memory)
    result = JobResult(
        status="cancelled",
        exit_code=None,
        reason="cancelled",
        detail="whoever took its results stopped",
        attempts=seen.most_tries,
        seconds=seconds_of(seen, memory),
        cost=cost_of(site, record, seen, memory),
        tasks=tuple(tasks[index].task for index in sorted(tasks)),
    )
    write_result(site, record, result)
    advance(site, record, memory)
