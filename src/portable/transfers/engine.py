"""A transfer in one process: two ordered listings joined, and what differs sent side by side."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from portable.errors import (
    BucketNotFound,
    InvalidArgument,
    MissingDependency,
    NoSpace,
    NotFound,
    PortableError,
    Unauthenticated,
)
from portable.transfers.contents import same
from portable.transfers.crew import Crew
from portable.transfers.facts import Facts
from portable.transfers.globs import Globs
from portable.transfers.items import Item, joined
from portable.transfers.places import Listed, Place, Shelf, check_apart
from portable.transfers.report import Recorder, TransferProgress, TransferReport
from portable.transfers.routes import Equal, Route, route
from portable.transfers.spill import Spool

TELL_SECONDS = 0.1  # between two calls of the progress callback
# For every other object, too, or for most of them.
_HOPELESS = (BucketNotFound, MissingDependency, NoSpace, Unauthenticated)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a transfer is to do; the attributes are `Bucket.sync`'s arguments, and a range.

    Attributes:
        after: Only names after this one.
        until: Only names up to this one, itself included; `None` for all.
        workers: Objects at once.
        memory: Bytes that these may hold in memory together.
    """

    source: Place
    target: Place
    delete: bool = False
    dry_run: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    compare: Literal["content", "size"] = "content"
    allow_empty: bool = False
    sort: bool = False
    durable: bool = False
    after: str = ""
    until: str | None = None
    workers: int = 16
    memory: int = 96 * 1024**2
    globs: Globs = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "globs", Globs(self.include, self.exclude))
        if self.compare not in ("content", "size"):
            raise InvalidArgument(f"compare is 'content' or 'size', not {self.compare!r}")

    def check(self) -> None:
        """Raise when it can't be carried out; nothing is sent."""
        check_apart(self.source, self.target)
        if not isinstance(self.source, Shelf):
            self.source.check_source()
        if not isinstance(self.target, Shelf):
            self.target.check_target()

    @property
    def is_whole(self) -> bool:
        """Is it about all names?"""
        return self.until is None and not self.after

    def listed(self, place: Place) -> Listed:
        """One side's part of it."""
        return Listed(place, self.globs, after=self.after, until=self.until, sort=self.sort)


def transfer(plan: Plan, progress: TransferProgress | None = None) -> TransferReport:
    """Carry out *plan*; its doc is `Bucket.sync`'s."""
    plan.check()
    facts = Facts(plan.source.identity, plan.target.identity)
    try:
        return _Transfer(plan, facts, progress).run()
    finally:
        facts.close()


class _Transfer:
    """One run. The calling thread lists and compares listings; a crew does the rest."""

    def __init__(self, plan: Plan, facts: Facts, progress: TransferProgress | None) -> None:
        self._plan = plan
        self._facts = facts
        self._progress = progress
        self._told = 0.0
        self._telling = threading.Lock()
        self._recorder = Recorder(dry_run=plan.dry_run)
        self._route: Route = route(plan.source, plan.target, durable=plan.durable)
        self._crew = Crew(plan.workers, plan.memory)
        self._extra = Spool()  # what only the target has

    def run(self) -> TransferReport:
        plan = self._plan
        if not plan.dry_run:
            self._route.begin()
        try:
            with self._crew:
                source = plan.listed(plan.source)
                found = self._send_all(source)
                self._crew.drain()
                if not found and not plan.allow_empty:
                    raise NotFound(self._nothing())
                if plan.delete and source.complete:
                    self._delete_all()
                    self._crew.drain()
        except PortableError as error:
            error.message += self._so_far()
            raise
        finally:
            self._extra.close()
        report = self._recorder.report()
        if not plan.dry_run and plan.is_whole:
            self._route.finish(everything=report.ok)
        if self._progress is not None:
            self._progress(report)
        return report

    def _send_all(self, source: Listed) -> int:
        """Have everything sent that differs; return how many names the source has."""
        found = 0
        for item, there in joined(iter(source), iter(self._plan.listed(self._plan.target))):
            if item is None:
                if there is not None and self._plan.delete and there.problem is None:
                    self._extra.add([_record(there)])
                continue
            found += 1
            self._consider(item, there)
            self._tell()
        return found

    def _consider(self, item: Item, there: Item | None) -> None:
        problem = item.problem or (there.problem if there else None)
        if problem is not None:
            self._recorder.failed(item.name, problem)
        elif there is None or there.size != item.size:
            self._submit(item, partial(self._send, item, there))
        elif (equal := self._equal(item, there)) is None:
            self._submit(item, partial(self._compare, item, there))
        elif equal:
            self._recorder.skipped(item.size)
        else:
            self._submit(item, partial(self._send, item, there))

    def _equal(self, item: Item, there: Item) -> bool | None:
        """Whether two of one size are equal, as far as that is known without a request."""
        if self._plan.compare == "size":
            return True
        told = same(item, there)
        if told is None and self._facts.holds(item.name, item.token, there.token):
            return True
        return told

    def _submit(self, item: Item, task: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                task()
            except PortableError as error:
                if isinstance(error, _HOPELESS):
                    raise
                self._recorder.failed(item.name, error)
            except OSError as error:
                self._recorder.failed(item.name, PortableError(f"the local file: {error}"))

        self._crew.submit(self._route.weight(item), guarded)

    def _compare(self, item: Item, there: Item) -> None:
        equal = self._route.same(item, there)
        if equal is None:
            self._send(item, there)
        else:
            self._recorder.skipped(item.size)
            self._learn(item, equal)

    def _send(self, item: Item, there: Item | None) -> None:
        if self._plan.dry_run:
            self._recorder.moved(item.size)
        else:
            self._learn(item, self._route.send(item, there, self._moved))
        self._recorder.sent(item.name, item.size)

    def _moved(self, size: int) -> None:
        self._recorder.moved(size)
        self._crew.go_on()
        self._tell()

    def _learn(self, item: Item, equal: Equal) -> None:
        if equal.source and equal.target:
            self._facts.learn(item.name, equal.source, equal.target)

    def _delete_all(self) -> None:
        for record in self._extra.read():
            item = _item(record)
            self._submit(item, partial(self._delete, item))

    def _delete(self, item: Item) -> None:
        if not self._plan.dry_run:
            self._route.remove(item)
        self._recorder.deleted(item.name, item.size)

    def _tell(self) -> None:
        """Call back, from any thread, one at a time and not too often."""
        if self._progress is None or time.monotonic() - self._told < TELL_SECONDS:
            return
        if self._telling.acquire(blocking=False):
            try:
                self._told = time.monotonic()
                self._progress(self._recorder.report())
            finally:
                self._telling.release()

    def _so_far(self) -> str:
        report = self._recorder.report()
        if not report.sent or report.dry_run or not self._plan.is_whole:
            return ""
        return (
            f"; at least {report.sent:,} were sent before ({report.bytes:,} bytes moved in all), and "
            f"stay: the next run goes on from there"
        )

    def _nothing(self) -> str:
        chosen = " that takes part" if self._plan.include or self._plan.exclude else ""
        return (
            f"there is nothing{chosen} in {self._plan.source}, so nothing was done; "
            f"allow_empty=True (--allow-empty) if that is meant"
        )


def _record(item: Item) -> bytes:
    return json.dumps([item.name, item.size, item.token]).encode()


def _item(record: bytes) -> Item:
    name, size, token = json.loads(record)
    return Item(name, b"", size, token)
