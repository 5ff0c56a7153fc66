"""`AsyncCompute`: the calls of a place that runs jobs, awaited."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from portable.aio._each import each
from portable.aio._instances import AsyncInstances
from portable.aio._job import AsyncJob
from portable.aio._listing import Ahead
from portable.aio._threads import ask, finish
from portable.compute import Compute, Instance, Job
from portable.interrupt import deaf
from portable.values import Seconds

T = TypeVar("T")


class AsyncCompute:
    """A place that runs jobs, for asyncio: the methods of `Compute`, with the same arguments.

    Each call runs in one of the event loop's 32 threads; so does each log that is followed, and
    each `map`. Cancelled, a `submit` is waited for: there is the job, or there is none. A `map`
    ends its job first.

    Attributes:
        compute: The place itself, with what isn't asked for: `capabilities`, `native`.
    """

    def __init__(self, compute: Compute) -> None:
        self.compute = compute

    def __repr__(self) -> str:
        return f"AsyncCompute({self.url!r})"

    @property
    def url(self) -> str:
        """Where it is."""
        return self.compute.url

    @property
    def provider(self) -> str:
        """The adapter's name."""
        return self.compute.provider

    @property
    def instances(self) -> AsyncInstances:
        """As `Compute.instances`."""
        return AsyncInstances(self.compute.instances)

    async def close(self) -> None:
        """As `Compute.close`."""
        await finish(self.compute.close)

    async def submit(
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
    ) -> AsyncJob:
        """As `Compute.submit`."""

        def begin() -> Job:
            with deaf():  # half a job would be everybody's
                return self.compute.submit(
                    command,
                    name=name,
                    cpus=cpus,
                    memory_gib=memory_gib,
                    gpus=gpus,
                    gpu=gpu,
                    disk_gib=disk_gib,
                    machine=machine,
                    spot=spot,
                    image=image,
                    env=env,
                    inputs=inputs,
                    outputs=outputs,
                    files=files,
                    timeout=timeout,
                    retries=retries,
                    max_usd=max_usd,
                    count=count,
                )

        return AsyncJob(await finish(begin))

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
    ) -> AsyncIterator[T]:
        """As `Compute.map`; nothing is sent, and no error raised, before the first result is awaited.

        Where not all are taken, `aclose` ends the job; else it ends when Python sees that the
        iterator is gone.
        """
        return each(
            lambda: self.compute.map(
                function,
                items,
                name=name,
                cpus=cpus,
                memory_gib=memory_gib,
                gpus=gpus,
                gpu=gpu,
                disk_gib=disk_gib,
                machine=machine,
                spot=spot,
                image=image,
                env=env,
                inputs=inputs,
                outputs=outputs,
                files=files,
                timeout=timeout,
                retries=retries,
                max_usd=max_usd,
            )
        )

    async def job(self, id: str) -> AsyncJob:
        """As `Compute.job`."""
        return AsyncJob(await ask(partial(self.compute.job, id)))

    def jobs(
        self, *, active: bool | None = None, limit: int | None = None
    ) -> AsyncIterator[AsyncJob]:
        """As `Compute.jobs`."""
        return Ahead(map(AsyncJob, self.compute.jobs(active=active, limit=limit)))

    async def reap(self, *, dry_run: bool = True) -> list[Instance]:
        """As `Compute.reap`."""
        return await finish(partial(self.compute.reap, dry_run=dry_run))
