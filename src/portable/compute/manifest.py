"""``manifest.json``: what a machine is told, and what it is allowed to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from logging import getLogger
from typing import TYPE_CHECKING, Any, TypeVar

from portable.compute.archive import make_archive
from portable.compute.arguments import TIMEOUT_MAX
from portable.compute.ground import folder_of, uses_folder
from portable.threads import ContextThreads

if TYPE_CHECKING:
    from portable.compute.connection import Connection
    from portable.compute.records import JobRecord, Plan
    from portable.compute.shelf import Shelf
    from portable.compute.work import Work
    from portable.storage import Bucket, SignedRequest

VERSION = 1
FLUSH_SECONDS = 1.0
GRACE_SECONDS = 10.0
SEGMENTS = 64  # of the log, and of the results
OUTPUTS, OUTPUTS_MAX = 64, 512  # slots for each task, and in all
MARGIN = timedelta(hours=1)  # a signed request outlives what it is for
SIGNERS = 16
SLOW_SECONDS = 0.01

log = getLogger("portable.compute")

T = TypeVar("T")
U = TypeVar("U")


def archive_of(
    connection: Connection,
    shelf: Shelf,
    record: JobRecord,
    work: Work,
    shard: int,
    attempt: int,
    plan: Plan,
) -> bytes:
    """``job.pyz`` of one attempt."""
    bucket = connection.bucket
    call, tasks = work.call, plan.tasks
    manifest: dict[str, Any] = {
        "version": VERSION,
        "job": record.id,
        "shard": shard,
        "attempt": attempt,
        "tasks": list(tasks),
        "count": record.count,
        "slots": record.slots,
        "command": list(record.command),
        "env": dict(work.env),
        "timeout": plan.seconds,
        "setup": record.setup,
        "heartbeat": record.heartbeat,
        "flush": FLUSH_SECONDS,
        "grace": GRACE_SECONDS,
        "outputs": list(record.outputs),
        "put_max": bucket.capabilities.put_max,
    }
    if record.needs.spot and (notice := connection.capabilities.notice):
        manifest["notice"] = dict(notice)
    if uses_folder(connection):
        manifest["store"] = {
            "folder": folder_of(bucket, shelf.attempt(record.id, shard, attempt)[:-1])
        }
        manifest["inputs"] = [
            {"path": each.path, "file": folder_of(bucket, each.key), "size": each.size}
            for each in work.inputs
        ]
    else:
        life = lifetime(bucket, plan.lifetime)
        home = shelf.attempt(record.id, shard, attempt)
        signed = dict(
            _each(lambda wanted: _signed(bucket, home, *wanted, life), list(_names(record, tasks)))
        )
        now = connection.surroundings.now()
        _tell_of_end(record, plan, signed["state"].expires_at.timestamp() - now)
        manifest["store"] = {"signed": {name: _told(each) for name, each in signed.items()}}
        manifest["inputs"] = _each(
            lambda each: {
                "path": each.path,
                "get": _told(bucket.sign(each.key, expires=life)),
                "size": each.size,
            },
            work.inputs,
        )
    return make_archive(
        manifest,
        files=work.sent.files,
        executables=work.sent.executables,
        function=call.function if call else None,
        items=[call.items[task] for task in tasks] if call and call.items is not None else None,
        written_by=record.python,
    )


def lifetime(bucket: Bucket, seconds: float) -> timedelta:
    """How long a request is good for that is needed for so many seconds."""
    wanted = timedelta(seconds=seconds) + MARGIN
    longest = bucket.capabilities.sign_max
    return min(wanted, longest) if longest else wanted


def _names(record: JobRecord, tasks: Sequence[int]) -> Iterator[tuple[str, str, str, bool]]:
    """What a runner may do: its name for it, the object, the method, and only if absent."""
    yield "started", "started.json", "PUT", True
    yield "started/read", "started.json", "GET", False
    yield "state", "state.json", "PUT", False
    yield "exit", "exit.json", "PUT", True
    yield "exit/read", "exit.json", "GET", False
    yield "cancel", "cancel.json", "GET", False
    slots = min(OUTPUTS * len(tasks), OUTPUTS_MAX) if record.outputs else 0
    folders = {"log": SEGMENTS, "results": SEGMENTS if record.function else 0, "out": slots}
    for folder, number in folders.items():
        for slot in range(number):
            yield f"{folder}/{slot:04d}", f"{folder}/{slot:04d}", "PUT", False


def _signed(
    bucket: Bucket, home: str, name: str, key: str, method: str, once: bool, life: timedelta
) -> tuple[str, SignedRequest]:
    once = once and bucket.capabilities.put_if_absent
    return name, bucket.sign(home + key, method=method, expires=life, if_absent=once)


def _tell_of_end(record: JobRecord, plan: Plan, left: float) -> None:
    """Temporary credentials end what they have signed: a machine stores nothing from then on."""
    if left < min(plan.lifetime, TIMEOUT_MAX):
        log.warning(
            "job %r may take %.0f s, and the credentials that it was submitted with end in %.0f s: "
            "what it does after that is lost. Submit it with some that last longer, or give it "
            "less 'timeout'",
            record.id,
            plan.lifetime,
            left,
        )


def _told(request: SignedRequest) -> dict[str, Any]:
    return {"url": request.url, "headers": dict(request.headers)}


def _each(call: Callable[[T], U], items: Iterable[T]) -> list[U]:
    """Several at once where one is slow: a request, for an identity that has no key of its own."""
    given = iter(items)
    begun = time.perf_counter()
    first = [call(item) for item in islice(given, 1)]
    if time.perf_counter() - begun < SLOW_SECONDS:
        return [*first, *map(call, given)]
    with ContextThreads(SIGNERS, thread_name_prefix="portable-sign") as pool:
        return [*first, *pool.map(call, given)]
