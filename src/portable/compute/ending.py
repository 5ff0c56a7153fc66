"""The end of a job: its outputs where they belong, and its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portable.compute import shortage
from portable.compute.costs import cost_of, seconds_of
from portable.compute.publishing import publish
from portable.compute.records import encoded_result
from portable.compute.types import JobResult, JobStatus, Reason, TaskResult
from portable.errors import PortableError

if TYPE_CHECKING:
    from portable.compute.looking import Attempt, Seen
    from portable.compute.memory import Memory
    from portable.compute.records import JobRecord
    from portable.compute.reports import Exit
    from portable.compute.site import Site

NAMED = 5  # of tasks, in a sentence
# After these another attempt may help: nothing is wrong with the work.
REPEATED: frozenset[Reason] = frozenset({"lost", "preempted"})
STATUS: dict[Reason, JobStatus] = {"cancelled": "cancelled", "lost": "lost", "preempted": "lost"}


@dataclass(frozen=True, slots=True)
class Ended:
    """A task that ended, in the attempt that counts."""

    task: TaskResult
    attempt: Attempt
    exit: Exit


def ended_tasks(site: Site, record: JobRecord, seen: Seen, memory: Memory) -> dict[int, Ended]:
    """Tasks by index, each as its last attempt has it."""
    found: dict[int, Ended] = {}
    for attempt in seen.attempts():
        ending = memory.exit(site, record, attempt)
        if ending is None:
            continue
        own = set(record.tasks(attempt.shard))
        for task in ending.tasks:
            before = found.get(task.index)
            if task.index in own and (before is None or before.task.reason in REPEATED):
                found[task.index] = Ended(task, attempt, ending)
    return found


def pending_tasks(record: JobRecord, shard: int, ended: dict[int, Ended]) -> list[int]:
    """Those of a shard that another attempt would run."""
    return [
        index
        for index in record.tasks(shard)
        if index not in ended or ended[index].task.reason in REPEATED
    ]


def conclude(site: Site, record: JobRecord, seen: Seen, memory: Memory) -> None:
    """Publish the outputs of a job whose attempts have all ended, and write its result."""
    ended = ended_tasks(site, record, seen, memory)
    made = [
        (attempt, stored)
        for attempt in seen.attempts()
        if (ending := memory.exit(site, record, attempt)) is not None
        for stored in ending.outputs
        if stored.task not in ended or ended[stored.task].attempt is attempt
    ]
    published = publish(site, record, made)
    tasks = tuple(_task(site, record, seen, memory, index, ended) for index in range(record.count))
    blamed = next((each for each in tasks if each.exit_code != 0 or each.reason != "exit"), None)
    reason: Reason = blamed.reason if blamed else "exit"
    details = [_detail(site, record, seen, memory, blamed, ended, tasks)] if blamed else []
    status: JobStatus = STATUS.get(reason, "failed") if blamed else "succeeded"
    if published.problems:
        details += published.problems[:5]
        if not blamed:
            status, reason = "failed", "outputs"
    write_result(
        site,
        record,
        JobResult(
            status=status,
            exit_code=blamed.exit_code if blamed else 0,
            reason=reason,
            detail="; ".join(each for each in details if each),
            attempts=seen.most_tries,
            seconds=seconds_of(seen, memory),
            cost=cost_of(site, record, seen, memory),
            tasks=tasks,
            outputs=tuple(published.keys),
        ),
    )


def fail(site: Site, record: JobRecord, seen: Seen, memory: Memory, error: PortableError) -> None:
    """End a job whose machine can't be started; those that run are ended."""
    result = JobResult(
        status="failed",
        exit_code=None,
        reason="no machine" if isinstance(error, shortage.REFUSED) else "no start",
        detail=shortage.told(error),
        attempts=seen.most_tries,
        seconds=seconds_of(seen, memory),
        cost=cost_of(site, record, seen, memory),
        tasks=tuple(
            each.task for _, each in sorted(ended_tasks(site, record, seen, memory).items())
        ),
    )
    write_result(site, record, result)


def write_result(site: Site, record: JobRecord, result: JobResult) -> None:
    """The moment at which a job has ended; who comes second finds the first one's result."""
    site.shelf.create(site.shelf.job(record.id, "result.json"), encoded_result(result))


def _task(
    site: Site,
    record: JobRecord,
    seen: Seen,
    memory: Memory,
    index: int,
    ended: dict[int, Ended],
) -> TaskResult:
    last = seen.last(index % record.shards)
    ending = memory.exit(site, record, last) if last else None
    reason: Reason = ending.reason if ending and ending.reason != "exit" else "cancelled"
    found = ended.get(index)
    if found and not (reason == "no machine" and found.task.reason in REPEATED):
        return found.task
    if "cancel.json" in seen.own and reason == "no machine":
        reason = "cancelled"
    return TaskResult(index=index, exit_code=None, reason=reason, seconds=0.0)


def _detail(
    site: Site,
    record: JobRecord,
    seen: Seen,
    memory: Memory,
    blamed: TaskResult,
    ended: dict[int, Ended],
    tasks: tuple[TaskResult, ...],
) -> str:
    last = seen.last(blamed.index % record.shards)
    ending = memory.exit(site, record, last) if last else None
    if blamed.reason == "no machine" and ending is not None:
        return _waited(ending.detail, [each.index for each in tasks if each.reason == "no machine"])
    if blamed.index in ended:
        ending = ended[blamed.index].exit
    if ending is None or ending.reason == "no machine":
        return "it was cancelled before it was started"
    if blamed.reason == "exit":
        code = blamed.exit_code
        said = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        which = f"task {blamed.index} ended with {said}" if record.count > 1 else ""
        return "; ".join(each for each in (which, ending.detail) if each)
    if blamed.reason in REPEATED and record.retries == 0:
        return f"{ending.detail}; 'retries' lets another machine try"
    return ending.detail


def _waited(detail: str, indexes: list[int]) -> str:
    if len(indexes) == 1:
        return detail
    some = ", ".join(map(str, indexes[:NAMED]))
    rest = f" and {len(indexes) - NAMED} more" if len(indexes) > NAMED else ""
    return f"tasks {some}{rest} found no machine: {detail}"
