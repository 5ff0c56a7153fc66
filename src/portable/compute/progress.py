"""Tasks that have ended before their job has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.compute.ending import ended_tasks
from portable.compute.reports import State
from portable.compute.types import TaskResult

if TYPE_CHECKING:
    from portable.compute.looking import Seen
    from portable.compute.memory import Memory
    from portable.compute.records import JobRecord
    from portable.compute.site import Site


def tasks_so_far(
    site: Site, record: JobRecord, seen: Seen, memory: Memory
) -> tuple[TaskResult, ...]:
    """Those of attempts that have ended, and those that a running one tells of."""
    found = {index: each.task for index, each in ended_tasks(site, record, seen, memory).items()}
    for shard in seen.shards:
        last = seen.last(shard)
        if last is None or last.has("exit.json") or not last.has("state.json"):
            continue
        data = site.shelf.read(site.shelf.attempt(record.id, shard, last.number, "state.json"))
        done = State.decoded(data).done if data is not None else {}
        own = set(record.tasks(shard))
        for index, code in done.items():
            if index in own:
                found[index] = TaskResult(index=index, exit_code=code, reason="exit", seconds=0.0)
    return tuple(found[index] for index in sorted(found))
