"""Submitting: what makes a job, in an order in which it can be broken off anywhere.

Killed before ``job.json`` is written, there is no job, and `reap` removes what is left. From then on
there is one, and any client goes on with it.
"""

from __future__ import annotations

from logging import getLogger
from typing import TYPE_CHECKING

from portable.compute.advancing import advance
from portable.compute.asking import Asked, check_same, prepare
from portable.compute.choosing import Span
from portable.compute.ending import fail
from portable.compute.looking import look
from portable.compute.memory import Memory
from portable.compute.records import JobRecord
from portable.compute.shortage import REFUSED
from portable.compute.site import LAUNCH
from portable.compute.starting import start
from portable.errors import PortableError
from portable.threads import ContextThreads

if TYPE_CHECKING:
    from portable.compute.site import Site
    from portable.compute.work import Work

AT_ONCE = 8

log = getLogger("portable.compute")


def submit(site: Site, asked: Asked) -> JobRecord:
    """Make a job and start its machines; one of that name that does the same work is it, too.

    Raises:
        AlreadyExists: there is one of that name that does other work.
        PortableError: it couldn't be started, and nothing runs.
    """
    record, work = prepare(site, asked)
    shelf = site.shelf
    if asked.name is not None:
        there = shelf.read(shelf.job(record.id, "job.json"))
        if there is not None:
            return _again(site, JobRecord.decoded(there), record, work)
    shelf.bucket.put(shelf.active(record.id), b"")  # first: by it `reap` finds the rest
    with ContextThreads(1, thread_name_prefix="portable-submit") as pool:
        listed = pool.submit(shelf.bucket.put, shelf.recent(record.created, record.id), b"")
        shelf.bucket.put(shelf.work(record.id, record.nonce), work.packed())
        listed.result()
    if not shelf.create(
        shelf.job(record.id, "job.json"), record.encoded(), claim=asked.name is not None
    ):
        return _second(site, record, work)
    try:
        _start_all(site, record, work)
    except PortableError as error:
        _undo(site, record, error)
        raise
    return record


def _start_all(site: Site, record: JobRecord, work: Work) -> None:
    """Start a machine for each shard; where some are refused, `advance` asks again."""
    span = Span(record.seconds, record.lifetime)

    def one(shard: int) -> PortableError | None:
        try:
            start(site, record, shard, 1, record.tasks(shard), span=span, work=work)
        except REFUSED as error:
            if error.operation != LAUNCH or record.shards == 1:
                raise
            return error
        return None

    if record.shards == 1:
        one(0)
        return
    with ContextThreads(min(record.shards, AT_ONCE), thread_name_prefix="portable-submit") as pool:
        refused = [error for error in pool.map(one, range(record.shards)) if error is not None]
    if len(refused) == record.shards:
        raise refused[0]
    if refused:
        log.warning(
            "job %r has %d of the %d machines that it asked for; the others' tasks wait: %s",
            record.id,
            record.shards - len(refused),
            record.shards,
            refused[0].message,
        )


def _undo(site: Site, record: JobRecord, error: PortableError) -> None:
    """End a job that couldn't be started; what fails here, `reap` does later."""
    memory = Memory()
    try:
        fail(site, record, look(site.shelf, record.id), memory, error)
        advance(site, record, memory)
    except PortableError as second:
        error.add_note(f"ending the job {record.id!r} failed, too, so `reap` has to: {second}")


def _second(site: Site, record: JobRecord, work: Work) -> JobRecord:
    """Another client was faster: what is of this one only is deleted."""
    shelf = site.shelf
    there = site.record(record.id)
    leftover = [shelf.work(record.id, record.nonce)]
    if shelf.recent(there.created, there.id) != shelf.recent(record.created, record.id):
        leftover.append(shelf.recent(record.created, record.id))
    shelf.bucket.delete_many(leftover).raise_for_errors()
    return _again(site, there, record, work)


def _again(site: Site, there: JobRecord, record: JobRecord, work: Work) -> JobRecord:
    check_same(there, record, work)
    advance(site, there, Memory())
    return there
