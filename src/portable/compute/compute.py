"""`Compute`: what users hold. The same behaviour on every provider (docs/compute.md)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from portable.adapter import ComputeSettings
from portable.compute.connection import Connection
from portable.compute.handle import Job
from portable.compute.instance import Instance, Instances
from portable.compute.needs import Needs
from portable.errors import InvalidArgument, InvalidType, JobNotFound
from portable.retry import Surroundings
from portable.values import Seconds

if TYPE_CHECKING:
    from portable.compute.asking import Asked
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
        """Run a command or a function on a machine of its own; return once that was started.

        From then on nothing depends on this process. The job's machine has no credentials; it
        reads what *inputs* name, and writes into its own part of the storage. It is ended with
        the job, at its timeout at the latest.

        Args:
            command: A `str` is run by ``sh -c``, a sequence as it is. Words that name files of the
                working directory go along with them. A function is called without arguments, and
                goes along by cloudpickle; what it returns is bytes or becomes JSON, as bodies of
                queues do.
            name: Of lower-case letters, digits and single dashes, at most 40. It is the job's id:
                submitting the same work again by the same name gives the same job. Made from time
                and chance unless given.
            cpus, memory_gib, gpus, gpu, disk_gib, machine, spot: What each task needs; see `Needs`.
            image: What the machine boots: a plain name or the provider's own; the setting unless
                given.
            env: Variables; any text as values. Those that hold a cloud's credentials are refused.
            inputs: ``{"data": "datasets/digits"}``: paths in the task's folder, and an object or
                a folder of objects in storage; at most 10,000 objects.
            outputs: ``{"out": "runs/7"}``: files or folders of the task's folder, and where they
                are stored when it has ended. An array's have ``{index}`` in the key, or it is
                added as their last segment.
            files: More files and folders of the working directory to go along, 100 MiB in all.
            timeout: Seconds, above 0 and at most 6.5 days; for an array, of each machine's part.
            retries: How often another machine is started where one was lost or taken away. A
                command that fails isn't run again.
            max_usd: Ends the machines when this much is used up, by their list price.
            count: More than one makes an array: the tasks are told apart by
                ``PORTABLE_TASK_INDEX``, and share at most as many machines as the setting says.

        Raises:
            AlreadyExists: there is a job of that name that does other work; the text says in what.
            NotFound: there is nothing at one of *inputs*.
            InvalidArgument, InvalidType, Unsupported: nothing was started.
            NoCapacity: there is no such machine now, nor any of the next cheapest; the job failed.
            QuotaExceeded: a person has to ask the provider for more; the job failed. An array
                fails so where it gets no machine at all; else it goes on with those that it got.
            PortableError: it couldn't be started; where it is `ambiguous`, `reap` ends what may
                be there.
        """
        from portable.compute.asking import Asked

        asked = Asked(
            command=command,
            items=None,
            name=name,
            needs=Needs(
                cpus=cpus,
                memory_gib=memory_gib,
                gpus=gpus,
                gpu=gpu,
                disk_gib=disk_gib,
                machine=machine,
                spot=spot,
            ),
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
        return self._submitted("submit", asked)

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
        """Call *function* with each item, on machines; give the results in order, as they come.

        One array job does it; the arguments are those of `submit`. Stopping early, or a failure,
        ends the job. A cluster that has tasks of its own (Ray) calls the function by them instead,
        where none of *name*, *inputs*, *outputs*, *files* and *max_usd* is given.

        Returns:
            Results are bytes, or what JSON makes of them; nothing that comes back is unpickled.

        Raises:
            JobFailed: from the iterator: a call raised, or its machine was lost. The text has the
                item's index and the end of the log.
            PortableError: as `submit`, from the call itself.
        """
        from portable.compute import direct
        from portable.compute.asking import Asked
        from portable.compute.mapping import results

        if not callable(function):
            raise InvalidType(f"map calls a function with each item; this is {function!r}")
        given = list(items)
        if not given:
            return iter(())
        asked = Asked(
            command=function,
            items=given,
            name=name,
            needs=Needs(
                cpus=cpus,
                memory_gib=memory_gib,
                gpus=gpus,
                gpu=gpu,
                disk_gib=disk_gib,
                machine=machine,
                spot=spot,
            ),
            image=image,
            env=env,
            inputs=inputs,
            outputs=outputs,
            files=files,
            timeout=timeout,
            retries=retries,
            max_usd=max_usd,
            count=len(given),
        )
        if direct.suits(self._connection, asked):
            return direct.results(self._connection, asked)
        job = self._submitted("map", asked)
        return results(job._connection, job.record)

    def job(self, id: str) -> Job:
        """A job by its id or name, whoever submitted it.

        Raises:
            JobNotFound: there is none in this storage.
        """
        from portable.compute.arguments import check_name

        connection = self._connection
        with connection.located("job", id):
            if not isinstance(id, str):
                raise InvalidType(f"a job's id is a str, not {type(id).__name__}")
            try:
                check_name(id)
            except InvalidArgument as error:
                raise JobNotFound(
                    f"there is no job {id!r}, and can't be: {error.message}"
                ) from error
            return Job(connection, id, connection.site.record(id))

    def jobs(self, *, active: bool | None = None, limit: int | None = None) -> Iterator[Job]:
        """Jobs, the newest first, by the time at which they were submitted.

        Nothing is known of them yet: one whose `submit` was broken off, or that was deleted, raises
        `JobNotFound` when it is looked at.

        Args:
            active: True is those that haven't ended, False those that have; all unless given.
            limit: At most so many.

        Raises:
            InvalidArgument: *limit* is no number of jobs.
        """
        if limit is not None and (type(limit) is not int or limit < 0):
            raise InvalidArgument(f"limit is a number of jobs, not {limit!r}")
        return self._listed(active, limit)

    def reap(self, *, dry_run: bool = True) -> list[Instance]:
        """End the machines that nobody needs any longer, and go on with jobs left alone.

        Those are machines past their deadline, and those of jobs that have ended; each by its
        tags, whoever started it. Put it into a timer where a vanished client must cost nothing.

        Args:
            dry_run: Change nothing, and tell which machines would be ended.

        Raises:
            ExceptionGroup: of `PortableError`: some of it failed; the rest was done.
        """
        from portable.compute.reaping import reap

        connection = self._connection
        with connection.located("reap"):
            return [Instance(connection, info) for info in reap(connection.site, dry_run=dry_run)]

    def _submitted(self, operation: str, asked: Asked) -> Job:
        from portable.compute.submitting import submit

        connection = self._connection
        with connection.located(operation, asked.name or ""):
            record = submit(connection.site, asked)
        return Job(connection, record.id, record)

    def _listed(self, active: bool | None, limit: int | None) -> Iterator[Job]:
        from portable.compute.reaping import active_ids

        connection = self._connection
        with connection.located("jobs"):
            shelf = connection.site.shelf
            going = active_ids(connection.site) if active is not None else []
            mark = shelf.recent()
            ids: Iterable[str] = going
            if not active:
                names = (info.key.removeprefix(mark) for info in shelf.bucket.list(mark))
                hidden = set(going)
                every = (name.partition("-")[2] for name in names)
                ids = (id for id in every if id not in hidden)
            for id in islice(ids, limit):
                yield Job(connection, id)
