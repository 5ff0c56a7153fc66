"""`Compute`: what users hold. The same behaviour on every provider (docs/compute.md)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from portable.adapter import ComputeSettings
from portable.compute.connection import Connection
from portable.compute.handle import Job
from portable.compute.instance import Instance, Instances
from portable.queue.arguments import Seconds
from portable.retry import Surroundings

if TYPE_CHECKING:
    from portable.compute.driver import ComputeCapabilities, ComputeDriver
    from portable.storage import Bucket

T = TypeVar("T")


class Compute:
    """Jobs and machines at one provider.

    Everything about a job is in storage: any process that reaches it can look after any job. Safe
    to use from many threads, after `fork`, and to pickle. Make one with `portable.open_compute`.
    """

    def __init__(
        self,
        connect: Callable[[], ComputeDriver],
        settings: ComputeSettings,
        *,
        provider: str,
        storage: Callable[[], Bucket],
        surroundings: Surroundings | None = None,
    ) -> None:
        """Hold a place that runs jobs; nothing is sent.

        Args:
            connect: Makes the driver, once in each process; picklable where the compute must be.
            settings: The core's are used here; the rest is the driver's.
            provider: The adapter's name, shown in errors.
            storage: Opens the bucket that jobs are kept in.
            surroundings: Clock, sleep and chance, for tests.
        """
        self._own = Connection(
            connect=connect,
            provider=provider,
            settings=settings,
            surroundings=surroundings or Surroundings(),
            storage=storage,
        )

    @property
    def _connection(self) -> Connection:
        return self._own

    def __repr__(self) -> str:
        return f"Compute({self.url!r})"

    @property
    def url(self) -> str:
        """Where it is."""
        return self._connection.settings.url

    @property
    def provider(self) -> str:
        """The adapter's name."""
        return self._connection.provider

    @property
    def capabilities(self) -> ComputeCapabilities:
        """What its machines can do, and its limits."""
        return self._connection.capabilities

    @property
    def native(self) -> Any:
        """The SDK's own client, for what `portable` has no word for. Not portable."""
        return self._connection.driver.native

    @property
    def instances(self) -> Instances:
        """Its machines, without jobs."""
        return Instances(lambda: self._connection)

    def close(self) -> None:
        """Drop connections; jobs go on, and the next call makes new ones."""
        self._connection.close()

    def submit(
        self,
        command: str | Sequence[str] | Callable[[], object],
        *,
        name: str | None = None,
        cpus: float = 1,
        memory_gib: float | None = None,
        gpus: int = 0,
        gpu: str | None = None,
        disk_gib: int | None = None,
        machine: str | None = None,
        spot: bool = False,
        image: str | None = None,
        env: Mapping[str, str] | None = None,
        inputs: Mapping[str, str] | None = None,
        outputs: Mapping[str, str] | None = None,
        files: Iterable[str | os.PathLike[str]] | None = None,
        timeout: Seconds = 3600,
        retries: int = 0,
        max_usd: float | None = None,
        count: int = 1,
    ) -> Job:
        """Run a command or a function on a machine of its own; return once that was started."""
        raise NotImplementedError

    def map(
        self,
        function: Callable[[Any], T],
        items: Iterable[Any],
        *,
        name: str | None = None,
        cpus: float = 1,
        memory_gib: float | None = None,
        gpus: int = 0,
        gpu: str | None = None,
        disk_gib: int | None = None,
        machine: str | None = None,
        spot: bool = False,
        image: str | None = None,
        env: Mapping[str, str] | None = None,
        inputs: Mapping[str, str] | None = None,
        outputs: Mapping[str, str] | None = None,
        files: Iterable[str | os.PathLike[str]] | None = None,
        timeout: Seconds = 3600,
        retries: int = 0,
        max_usd: float | None = None,
    ) -> Iterator[T]:
        """Call *function* with each item on the job's machines; give the results in order."""
        raise NotImplementedError

    def job(self, id: str) -> Job:
        """A job by its id or name, whoever submitted it."""
        raise NotImplementedError

    def jobs(self, *, active: bool | None = None, limit: int | None = None) -> Iterator[Job]:
        """Jobs, the newest first."""
        raise NotImplementedError

    def reap(self, *, dry_run: bool = True) -> list[Instance]:
        """End the machines that nobody needs any longer."""
        raise NotImplementedError
