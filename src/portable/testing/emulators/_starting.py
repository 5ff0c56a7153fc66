"""Enter several context managers side by side: servers take seconds to start."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


@contextmanager
def side_by_side(
    starts: Mapping[str, Callable[[], AbstractContextManager[T]]],
) -> Iterator[dict[str, T]]:
    """Enter what each of *starts* makes, in a thread of its own; leave all at the end.

    The threads end with the process, so that an interrupt needn't wait for an installation.

    Raises:
        Exception: the first in the order of *starts*, once all have started or failed.
    """
    running: _Running[T] = _Running()
    threads = [
        threading.Thread(target=running.enter, args=each, name=f"start-{each[0]}", daemon=True)
        for each in starts.items()
    ]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name in starts:
            if name in running.failures:
                raise running.failures[name]
        yield {name: running.entered[name] for name in starts}
    finally:
        running.leave()


class _Running(Generic[T]):
    """What was entered so far."""

    def __init__(self) -> None:
        self.entered: dict[str, T] = {}
        self.failures: dict[str, Exception] = {}
        self._lock = threading.Lock()
        self._left = False
        self._stack = ExitStack()

    def enter(self, name: str, start: Callable[[], AbstractContextManager[T]]) -> None:
        with ExitStack() as own:
            try:
                entered = own.enter_context(start())
            except Exception as error:  # noqa: BLE001 - raised by who waits for the thread
                self.failures[name] = error
                return
            with self._lock:
                if not self._left:  # else nobody waits any more, and it ends here
                    self.entered[name] = entered
                    self._stack.push(own.pop_all())

    def leave(self) -> None:
        with self._lock:
            self._left = True
        self._stack.close()
