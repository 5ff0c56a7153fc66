"""Where everything about jobs is in storage: the names of docs/compute-contract.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portable.errors import AlreadyExists, NotFound, PreconditionFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portable.storage import Bucket, ObjectInfo

JSON = "application/json"
SETTLE_SECONDS = 3.0  # longer than it takes to look and then to write
NEWEST = 9_999_999_999_999  # less the milliseconds of a job: so the newest is listed first


@dataclass(frozen=True, slots=True)
class Shelf:
    """The folder of one place's jobs in its bucket.

    Attributes:
        sleep: Lets time pass.
    """

    bucket: Bucket
    folder: str
    sleep: Callable[[float], None]

    def active(self, id: str = "") -> str:
        """The mark of a job that hasn't ended."""
        return f"{self.folder}/active/{id}"

    def recent(self, created: float | None = None, id: str = "") -> str:
        """The mark by which jobs are listed."""
        order = "" if created is None else f"{NEWEST - int(created * 1000):013d}-"
        return f"{self.folder}/recent/{order}{id}"

    def job(self, id: str, name: str = "") -> str:
        """One of a job's own objects."""
        return f"{self.folder}/jobs/{id}/{name}"

    def work(self, id: str, nonce: str) -> str:
        """What goes along with a job."""
        return self.job(id, f"work-{nonce}.zip")

    def attempt(self, id: str, shard: int, attempt: int, name: str = "") -> str:
        """One of an attempt's objects."""
        return self.job(id, f"{shard}/{attempt}/{name}")

    def read(self, key: str) -> bytes | None:
        """An object's bytes; `None` where there is none."""
        try:
            return self.bucket.get(key)
        except NotFound as error:
            if type(error) is not NotFound:  # a missing bucket isn't a missing object
                raise
            return None

    def write(self, key: str, data: bytes) -> ObjectInfo:
        """Store or replace a small object."""
        return self.bucket.put(key, data, content_type=JSON)

    def create(self, key: str, data: bytes, *, claim: bool = False) -> bool:
        """Store a small object unless there is one; False then.

        Where storage can't decide that, it is looked at just before.

        Args:
            claim: No other client's data is the same. Where storage can't decide, it is then looked
                at some time later, too: of several that wrote at once, it is the last one's.
        """
        if not self.bucket.capabilities.put_if_absent:
            if self.bucket.exists(key):
                return False
            if claim:
                return self._last_of_several(key, data)
            self.write(key, data)
            return True
        try:
            self.bucket.put(key, data, content_type=JSON, if_absent=True)
        except AlreadyExists:
            return False
        return True

    def take_over(self, key: str, data: bytes, was: ObjectInfo) -> bool:
        """Replace a claim unless another client has done so since; False then.

        Args:
            data: No other client's is the same.
            was: What is replaced.
        """
        if not self.bucket.capabilities.put_if_match:
            return self._last_of_several(key, data)
        try:
            self.bucket.put(key, data, content_type=JSON, if_match=was.revision)
        except PreconditionFailed:
            return False
        return True

    def _last_of_several(self, key: str, data: bytes) -> bool:
        self.write(key, data)
        self.sleep(SETTLE_SECONDS)
        return self.read(key) == data

    def of_job(self, id: str) -> Iterator[ObjectInfo]:
        """All of a job's own objects."""
        return self.bucket.list(self.job(id))
