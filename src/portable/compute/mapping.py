"""Results of an array's calls in order, as they come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from portable.compute.advancing import advance
from portable.compute.cancelling import stop
from portable.compute.failing import call_failed, job_failed
from portable.compute.memory import Memory
from portable.compute.reading import Results
from portable.compute.waiting import looks
from portable.interrupt import deaf

if TYPE_CHECKING:
    from portable.compute.connection import Connection
    from portable.compute.records import JobRecord

LONGEST_SECONDS = 1.0


def results(connection: Connection, record: JobRecord) -> Iterator[Any]:
    """Each call's value; whoever stops early, or meets a failure, ends the job.

    Raises:
        JobFailed: a call raised, or its machine was lost; the results before it were given.
    """
    site, memory = connection.site, Memory()
    reader = Results(site, record)
    given, done = 0, False
    try:
        with connection.located("map", record.id):
            for _ in looks(connection.surroundings, None, "", longest=LONGEST_SECONDS):
                standing = advance(site, record, memory)
                known = reader.update(standing.seen)
                while given in known:
                    if known[given].error:
                        raise call_failed(site, record, standing.seen, given, known[given].error)
                    yield known[given].value
                    given += 1
                if standing.result is not None:
                    done = True
                    if given < record.count:
                        raise job_failed(site, record, standing.seen, standing.result)
                    return
    finally:
        if not done:
            with deaf():
                stop(site, record, memory)
