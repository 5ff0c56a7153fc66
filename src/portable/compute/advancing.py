"""`advance`: the next step of a job, whoever takes it.

It looks at storage and, where that isn't enough, at the machine, and does what is due. Each step may
be repeated, and may be done by two clients at once (ADR 0021).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portable.compute import choosing, shortage
from portable.compute.costs import cost_of
from portable.compute.ending import (
    REPEATED,
    conclude,
    ended_tasks,
    fail,
    pending_tasks,
)
from portable.compute.looking import look
from portable.compute.records import decoded_result
from portable.compute.reports import Exit
from portable.compute.site import LAUNCH
from portable.compute.starting import resume, start
from portable.compute.tidying import tidy
from portable.compute.verdicts import end_machine, give_up, has_no_machine, verdict
from portable.errors import InvalidArgument, JobNotFound, NotFound, Unsupported
from portable.threads import ContextThreads

if TYPE_CHECKING:
    from portable.compute.choosing import Span
    from portable.compute.looking import Attempt, Seen
    from portable.compute.memory import Memory
    from portable.compute.records import JobRecord
    from portable.compute.site import Site
    from portable.compute.types import JobResult, JobStatus

ROUNDS = 8  # of steps in one call
AT_ONCE = 8  # shards
# With these from a launch no machine will ever start, whoever tries it. What this client lacks the
# permission for, another may have it.
FINAL = (InvalidArgument, Unsupported)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a job stands, and the listing that says so."""

    status: JobStatus
    seen: Seen
    result: JobResult | None = None


@dataclass(frozen=True, slots=True)
class _Step:
    """What became of a shard: its status, and whether storage is to be looked at again."""

    status: JobStatus
    changed: bool = False
    ended: bool = False


def advance(site: Site, record: JobRecord, memory: Memory) -> Standing:
    """Do what is due, until nothing is, and tell how the job stands.

    Raises:
        JobNotFound: somebody has deleted it.
        PortableError: a step failed in a way that may pass; the next call tries it again.
    """
    mine = record.place == site.place
    standing = None
    for _ in range(ROUNDS):
        seen = look(site.shelf, record.id)
        if "result.json" in seen.own:
            return _ended(site, record, seen, memory, mine=mine)
        if "job.json" not in seen.own:
            raise _deleted(record)
        if not mine:
            return Standing(_status(seen), seen)
        try:
            steps = _each(lambda shard: _tried(site, record, seen, memory, shard), record.shards)  # noqa: B023
            if all(step.ended for step in steps):
                conclude(site, record, seen, memory)
        except FINAL as error:
            if error.operation != LAUNCH:
                raise
            fail(site, record, seen, memory, error)
            continue
        except NotFound:  # another client ended the job meanwhile, and removed what it needs
            if not site.shelf.bucket.exists(site.shelf.job(record.id, "result.json")):
                raise
            continue
        standing = Standing(_together(steps), seen)
        if not any(step.changed for step in steps) and not all(step.ended for step in steps):
            return standing
    assert standing is not None  # noqa: S101
    return standing


def _ended(site: Site, record: JobRecord, seen: Seen, memory: Memory, *, mine: bool) -> Standing:
    data = site.shelf.read(site.shelf.job(record.id, "result.json"))
    if data is None:
        raise _deleted(record)
    result = decoded_result(data)
    if mine and not memory.tidied:
        if site.shelf.bucket.exists(site.shelf.active(record.id)):
            tidy(site, record, seen, memory, result)
        memory.tidied = True
    return Standing(result.status, seen, result)


def _deleted(record: JobRecord) -> JobNotFound:
    return JobNotFound(f"the job {record.id!r} was deleted meanwhile")


def _tried(site: Site, record: JobRecord, seen: Seen, memory: Memory, shard: int) -> _Step:
    """The same where there is no machine now."""
    try:
        return _step(site, record, seen, memory, shard)
    except shortage.REFUSED as error:
        if error.operation != LAUNCH:
            raise
        return _Step("queued", changed=True)


def _step(site: Site, record: JobRecord, seen: Seen, memory: Memory, shard: int) -> _Step:
    """What is due for one shard."""
    cancelled = seen.own.get("cancel.json")
    last = seen.last(shard)
    if last is None or not last.has("plan.json"):
        if cancelled is not None:
            return _Step("cancelled", ended=True)
        if site.is_fresh(seen.own["job.json"].last_modified):
            return _Step("queued")  # who submitted it is about to
        number = last.number if last else 1
        span = choosing.Span(record.seconds, record.lifetime)
        began = start(site, record, shard, number, record.tasks(shard), span=span)
        return _Step("starting", changed=began)
    if last.has("exit.json"):
        return _after(site, record, seen, memory, last)
    if not last.has("launched.json"):
        return _unclear(site, record, memory, last, cancelled=cancelled is not None)
    if cancelled is not None and not last.has("cancel.json"):
        key = site.shelf.attempt(record.id, shard, last.number, "cancel.json")
        site.shelf.write(key, b"{}")
    status: JobStatus = "running" if last.has("started.json") else "starting"
    ending = verdict(site, record, last, memory, cancelled=cancelled)
    if ending is None:
        return _Step(status)
    return _Step(status, changed=give_up(site, record, last, memory, ending))


def _after(site: Site, record: JobRecord, seen: Seen, memory: Memory, last: Attempt) -> _Step:
    """An attempt has ended: end its machine, and start the next where that is due."""
    end_machine(site, record, last, memory)
    ending = memory.exit(site, record, last)
    assert ending is not None  # noqa: S101
    if ending.reason == "no machine":
        return _refused(site, record, seen, memory, last)
    tries = seen.tries(last.shard)
    if ending.reason not in REPEATED or tries > record.retries or "cancel.json" in seen.own:
        return _Step("running", ended=True)
    tasks = pending_tasks(record, last.shard, ended_tasks(site, record, seen, memory))
    span = _left(site, record, seen, memory)
    if not tasks or span is None:
        return _Step("running", ended=True)
    if not has_no_machine(site, record, last, memory):
        return _Step("starting")  # the next one never runs beside it
    began = start(site, record, last.shard, last.number + 1, tasks, span=span)
    return _Step("starting", changed=began)


def _refused(site: Site, record: JobRecord, seen: Seen, memory: Memory, last: Attempt) -> _Step:
    """An attempt found no machine: wait for one as long as that makes sense."""
    plan = memory.plan(site, record, last)
    now = shortage.outlook(site, record, seen, last)
    if plan is None or now == "over" or "cancel.json" in seen.own:
        return _Step("running", ended=True)
    if now == "wait" or not has_no_machine(site, record, last, memory):
        return _Step("queued")
    span = choosing.Span(plan.seconds, plan.lifetime)
    began = start(site, record, last.shard, last.number + 1, plan.tasks, span=span)
    return _Step("starting", changed=began)


def _unclear(
    site: Site, record: JobRecord, memory: Memory, last: Attempt, *, cancelled: bool
) -> _Step:
    """An attempt was planned, and who planned it didn't say that its machine was started."""
    if site.is_fresh(last.at("plan.json")):
        return _Step("starting")
    if cancelled:
        ending = Exit(reason="cancelled", detail="it was cancelled before its machine was up")
        return _Step("starting", changed=give_up(site, record, last, memory, ending))
    if resume(site, record, last):
        return _Step("starting", changed=True)
    if last.has("started.json"):
        ending = Exit(reason="lost", detail="its machine is gone and left no end")
        return _Step("running", changed=give_up(site, record, last, memory, ending))
    return _Step("starting")


def _left(site: Site, record: JobRecord, seen: Seen, memory: Memory) -> Span | None:
    """How long the next attempt may take; `None` where the money is used up."""
    if record.max_usd is None:
        return choosing.Span(record.seconds, record.lifetime)
    hour = choosing.dearest(record.choices) * record.shards
    spent = cost_of(site, record, seen, memory) or 0.0
    return choosing.paid(record.max_usd - spent, hour, timeout=record.timeout, boot=record.boot)


def _each(step: Callable[[int], _Step], shards: int) -> list[_Step]:
    if shards == 1:
        return [step(0)]
    with ContextThreads(min(shards, AT_ONCE), thread_name_prefix="portable-advance") as pool:
        return list(pool.map(step, range(shards)))


def _together(steps: list[_Step]) -> JobStatus:
    for status in ("running", "starting", "queued"):
        if any(step.status == status for step in steps):
            return status
    return "running"


def _status(seen: Seen) -> JobStatus:
    """As far as storage alone tells."""
    if any(each.has("started.json") for each in seen.attempts()):
        return "running"
    return "starting" if seen.shards else "queued"
