"""`Job`: a handle of one job, in any process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from portable.compute.types import JobResult, JobStatus, TaskResult
from portable.errors import InvalidArgument, InvalidType
from portable.values import Seconds, seconds

if TYPE_CHECKING:
    from portable.compute.advancing import Standing
    from portable.compute.connection import Connection
    from portable.compute.memory import Memory
    from portable.compute.records import JobRecord
    from portable.compute.site import Site

FOLLOW_SECONDS = 0.5  # between two looks at a log that is followed


class Job:
    """One job. All of it is in storage, so that any process may hold it, or none.

    Whatever looks at a job also does what is due for it: publish its outputs, end a machine,
    start the next attempt. Safe to use from many threads, after `fork`, and to pickle.
    """

    def __init__(self, connection: Connection, id: str, record: JobRecord | None = None) -> None:
        self._connection = connection
        self._id = id
        self._known = record
        self._remembered: Memory | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_remembered": None}

    def __repr__(self) -> str:
        return f"Job({self._id!r})"

    @property
    def id(self) -> str:
        """Its name, where it was given one."""
        return self._id

    @property
    def name(self) -> str:
        """The same as `id`."""
        return self._id

    @property
    def record(self) -> JobRecord:
        """What was submitted; its machine's price, and when it was read, too.

        Raises:
            JobNotFound: there is no such job.
        """
        if self._known is None:
            with self._connection.located("job", self._id):
                self._known = self._site.record(self._id)
        return self._known

    @property
    def status(self) -> JobStatus:
        """How it stands now."""
        return self._advanced("status").status

    @property
    def exit_code(self) -> int | None:
        """As in `JobResult`; `None` until it has ended."""
        result = self._advanced("status").result
        return result.exit_code if result else None

    @property
    def cost(self) -> float | None:
        """US dollars so far, or in all; `None` where the price isn't known.

        By the list price when its machines were started, without disks and traffic.
        """
        from portable.compute.costs import cost_of

        standing = self._advanced("cost")
        if standing.result is not None:
            return standing.result.cost
        with self._connection.located("cost", self._id):
            return cost_of(self._site, self.record, standing.seen, self._memory)

    @property
    def tasks(self) -> tuple[TaskResult, ...]:
        """The tasks that have ended, by their index; those of a machine that still runs, too."""
        from portable.compute.progress import tasks_so_far

        standing = self._advanced("tasks")
        if standing.result is not None:
            return standing.result.tasks
        with self._connection.located("tasks", self._id):
            return tasks_so_far(self._site, self.record, standing.seen, self._memory)

    def wait(self, timeout: Seconds | None = None) -> JobResult:
        """Wait until it has ended, and all that it made is where it belongs.

        Args:
            timeout: Seconds; as long as it takes unless given.

        Raises:
            DeadlineExceeded: it hasn't ended within *timeout*; it goes on.
            PortableError: it can't be looked after; it goes on.
        """
        return self._wait(timeout)[0]

    def result(self, timeout: Seconds | None = None) -> Any:
        """What the function returned; for an array a list of it.

        Raises:
            JobFailed: it didn't succeed; the text has the end of its log.
            InvalidArgument: it runs a command, which returns nothing.
            DeadlineExceeded: it hasn't ended within *timeout*; it goes on.
        """
        from portable.compute.failing import call_failed, job_failed
        from portable.compute.reading import Results

        record = self.record
        if not record.function:
            raise InvalidArgument(
                f"the job {self._id!r} runs a command, which returns nothing; use wait() and what "
                f"it stores"
            )
        result, standing = self._wait(timeout)
        with self._connection.located("result", self._id):
            known = Results(self._site, record).update(standing.seen)
            values = []
            for index in range(record.count):
                outcome = known.get(index)
                if outcome is not None and outcome.error:
                    raise call_failed(self._site, record, standing.seen, index, outcome.error)
                if outcome is None or result.status != "succeeded":
                    raise job_failed(self._site, record, standing.seen, result)
                values.append(outcome.value)
        return values[0] if record.count == 1 and not record.calls_items else values

    def logs(self, follow: bool = False, *, task: int | None = None) -> Iterator[str]:
        """The lines of its log: what it wrote to stdout and stderr, as one.

        An array's begin with ``[INDEX] ``, but for those of one *task*. A job that was started
        anew has the lines of all its attempts.

        Args:
            follow: Go on until the job has ended; a line is there some 2 seconds after it was
                written.
            task: Only this task's lines.

        Raises:
            JobNotFound: there is no such job.
            InvalidArgument: it has no such task.
        """
        if not isinstance(follow, bool):
            raise InvalidType(f"follow is True or False, not {follow!r}")
        if task is not None and type(task) is not int:
            raise InvalidType(f"task is a task's index, not {task!r}")
        if task is not None and not 0 <= task < self.record.count:
            raise InvalidArgument(
                f"the job {self._id!r} has no task {task}; they are 0 to {self.record.count - 1}"
            )
        return self._lines(follow, task)

    def cancel(self) -> None:
        """Ask it to end. Its command gets SIGTERM, and SIGKILL 10 s later; `wait` tells when.

        Its machine notices within some heartbeats (the setting, 10 s); one that doesn't is ended.
        One that has ended already stays as it is.
        """
        from portable.compute.cancelling import cancel

        with self._connection.located("cancel", self._id):
            cancel(self._site, self.record, self._memory)

    @property
    def _site(self) -> Site:
        return self._connection.site

    @property
    def _memory(self) -> Memory:
        if self._remembered is None:
            from portable.compute.memory import Memory

            self._remembered = Memory()
        return self._remembered

    def _advanced(self, operation: str) -> Standing:
        from portable.compute.advancing import advance

        record = self.record
        with self._connection.located(operation, self._id):
            return advance(self._site, record, self._memory)

    def _wait(self, timeout: Seconds | None) -> tuple[JobResult, Standing]:
        from portable.compute.waiting import looks

        limit = None if timeout is None else seconds(timeout, "timeout")
        what = f"the job {self._id!r} hasn't ended"
        with self._connection.located("wait", self._id):
            for _ in looks(self._connection.surroundings, limit, what):
                standing = self._advanced("wait")
                if standing.result is not None:
                    return standing.result, standing
        raise AssertionError("looks() ends by an error")

    def _lines(self, follow: bool, task: int | None) -> Iterator[str]:
        from portable.compute.looking import look
        from portable.compute.reading import Lines, shown
        from portable.compute.waiting import looks

        record = self.record
        reader = Lines(self._site, record, "log")
        with self._connection.located("logs", self._id):
            around = self._connection.surroundings
            for _ in looks(around, None, "", longest=FOLLOW_SECONDS):
                standing = self._advanced("logs") if follow else None
                ended = standing is None or standing.result is not None
                seen = standing.seen if standing else look(self._site.shelf, self._id)
                for line in reader.new(seen, last=ended):
                    text = shown(line, record, task)
                    if text is not None:
                        yield text
                if ended:
                    return
