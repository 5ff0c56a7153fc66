"""A place as this process knows it: its machines, its jobs' storage, and what time it is there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from portable.compute.clock import StorageClock
from portable.compute.ground import place_of
from portable.compute.records import JobRecord
from portable.compute.shelf import Shelf
from portable.compute.work import Work
from portable.errors import JobNotFound, NoCapacity, PortableError

if TYPE_CHECKING:
    from portable.compute.connection import Connection
    from portable.compute.driver import ComputeCapabilities, Launch
    from portable.compute.types import InstanceInfo

# So long, what another client began is left to it: its machine may not be listed yet.
GRACE_SECONDS = 60.0
GRACE_LOCAL_SECONDS = 3.0
TAG_MAX = 63
LAUNCH = "launch"  # the operation of errors that say why there is no machine
MARK = {"portable": "1"}
NONCE = "portable-nonce"  # a tag: other storage may have a job of the same name


class Site:
    """What all steps of a job work with. Safe to use from many threads."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.shelf = Shelf(
            connection.bucket, connection.settings.folder, connection.surroundings.sleep
        )
        self.clock = StorageClock(self.shelf, connection.surroundings.clock)

    @property
    def able(self) -> ComputeCapabilities:
        """What its machines can do."""
        return self.connection.capabilities

    @property
    def place(self) -> str:
        """Its name in records."""
        return place_of(self.connection)

    def now(self) -> float:
        """Seconds since the epoch, by this machine's clock."""
        return self.connection.surroundings.now()

    def is_fresh(self, written: datetime | None) -> bool:
        """Is it so new that who wrote it may still be at work?"""
        if written is None:
            return False
        grace = GRACE_LOCAL_SECONDS if self.able.files else GRACE_SECONDS
        return self.clock.since(written) < grace

    def record(self, id: str) -> JobRecord:
        """What was submitted.

        Raises:
            JobNotFound: there is no such job.
        """
        data = self.shelf.read(self.shelf.job(id, "job.json"))
        if data is None:
            raise JobNotFound(
                f"there is no job {id!r} in {self.shelf.bucket.url}/{self.shelf.folder}; "
                f"a job is where the profile's storage was when it was submitted"
            )
        return JobRecord.decoded(data)

    def work(self, record: JobRecord) -> Work:
        """What goes along with a job.

        Raises:
            JobNotFound: the job has ended meanwhile.
        """
        data = self.shelf.read(self.shelf.work(record.id, record.nonce))
        if data is None:
            raise JobNotFound(f"the job {record.id!r} has ended, and what went along is deleted")
        return Work.unpacked(data)

    def launch(self, wanted: Launch) -> InstanceInfo:
        """Start one machine, and not a second one when an answer is lost."""
        sent = False

        def send() -> InstanceInfo:
            nonlocal sent
            if sent and (found := self._named(wanted)) is not None:
                return found
            sent = True
            try:
                return self.connection.driver.launch(wanted)
            except NoCapacity as error:
                error.retryable = False  # the next machine is tried instead
                raise

        def settle(error: PortableError) -> InstanceInfo:
            found = self._named(wanted)
            if found is None:
                raise error
            return found

        with self.connection.located(LAUNCH, wanted.name):
            return self.connection.call(send, settle=settle)

    def machine(self, id: str) -> InstanceInfo | None:
        """One machine as its provider tells of it; `None` where it doesn't know it."""
        with self.connection.located("get", id):
            return self.connection.call(lambda: self.connection.driver.get(id))

    def machines(
        self,
        record: JobRecord | None = None,
        shard: int | None = None,
        attempt: int | None = None,
    ) -> list[InstanceInfo]:
        """Machines that `portable` made: all, or a job's, or an attempt's."""
        tags = dict(MARK)
        if record is not None:
            tags |= {"portable-job": record.id, NONCE: record.nonce}
        if shard is not None:
            tags |= {"portable-shard": str(shard), "portable-attempt": str(attempt)}
        with self.connection.located("list"):
            return self.connection.call(lambda: list(self.connection.driver.list(tags)))

    def terminate(self, id: str) -> None:
        """End a machine; one that is gone already is fine."""
        with self.connection.located("terminate", id):
            self.connection.call(lambda: self.connection.driver.terminate(id))

    def tags(
        self, record: JobRecord, shard: int, attempt: int, deadline: float
    ) -> Mapping[str, str]:
        """What is written on a job's machine."""
        return {
            **MARK,
            "portable-job": record.id,
            NONCE: record.nonce,
            "portable-shard": str(shard),
            "portable-attempt": str(attempt),
            "portable-owner": record.owner,
            "portable-deadline": str(int(deadline)),
        }

    def owner(self) -> str:
        """Who pays, as a tag's value."""
        import getpass

        name = self.connection.settings.owner
        if name is None:
            try:
                name = getpass.getuser()
            except (KeyError, OSError):  # a container's user without a name
                name = "unknown"
        return re.sub(r"[^a-z0-9_-]", "-", name.lower())[:TAG_MAX] or "unknown"

    def _named(self, wanted: Launch) -> InstanceInfo | None:
        tags = {**MARK, **{k: v for k, v in wanted.tags.items() if k != "portable-deadline"}}
        for each in self.connection.driver.list(tags):
            if each.name == wanted.name and each.state != "terminated":
                return each
        return None


def is_gone(machine: InstanceInfo | None) -> bool:
    """Does nothing run on it any longer, for good?"""
    return machine is None or machine.state in ("terminated", "stopped")
