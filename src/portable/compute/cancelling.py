"""Asking a job to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.compute.advancing import advance
from portable.compute.looking import look

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
