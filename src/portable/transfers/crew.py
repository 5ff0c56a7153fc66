"""Work side by side, bounded in tasks and in the bytes that they hold."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from queue import Queue
from typing import Self

WAITING = 512  # tasks: enough for the workers while the next page is listed

_Task = tuple[int, Callable[[], None]]


class Cancelled(Exception):
    """Raised inside a task to end it early."""


class Crew:
    """Threads that carry out tasks.

    What a task raises ends all of it: tasks report the failures that needn't.
    """

    def __init__(self, workers: int, memory: int) -> None:
        """Start them.

        Args:
            workers: Tasks at once.
            memory: Bytes that all tasks together may hold; a heavier one runs alone.
        """
        self._queue: Queue[_Task | None] = Queue(WAITING)
        self._memory = self._free = memory
        self._freed = threading.Condition()
        self._error: BaseException | None = None
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(
                target=copy_context().run,  # the caller's `Interruption` ends the tasks, too
                args=(self._work,),
                name="portable-transfer",
                daemon=True,
            )
            for _ in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, weight: int, task: Callable[[], None]) -> None:
        """Have *task*, which holds up to *weight* bytes, done; waits while many are ahead."""
        self.check()
        self._queue.put((min(weight, self._memory), task))

    def drain(self) -> None:
        """Wait until all is done."""
        self._queue.join()
        self.check()

    def check(self) -> None:
        """Raise what a task raised."""
        if self._error is not None:
            raise self._error

    def go_on(self) -> None:
        """To be called by tasks now and then.

        Raises:
            Cancelled: the rest isn't wanted any more.
        """
        if self._stopping.is_set():
            raise Cancelled

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._stopping.set()
        for _each in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (given := self._queue.get()) is not None:
            weight, task = given
            try:
                if not self._stopping.is_set():
                    self._carry_out(weight, task)
            except Cancelled:
                pass
            except BaseException as error:  # noqa: BLE001 - raised again by `check`
                self._error = self._error or error
                self._stopping.set()
            finally:
                self._queue.task_done()

    def _carry_out(self, weight: int, task: Callable[[], None]) -> None:
        with self._freed:
            self._freed.wait_for(lambda: self._free >= weight)
            self._free -= weight
        try:
            task()
        finally:
            with self._freed:
                self._free += weight
                self._freed.notify_all()
