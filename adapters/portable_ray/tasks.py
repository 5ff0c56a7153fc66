"""`map` by Ray's tasks: one for each call, a bounded number at once."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from itertools import islice, takewhile
from typing import Any

from portable.compute.driver import Calls
from portable.errors import JobFailed, MissingDependency, Unavailable
from portable.transport import words
from portable_ray.calls import calling
from portable_ray.shapes import resources

TOGETHER = 128  # results that are looked for at once
LATE_SECONDS = 0.05  # so long a result may wait for those behind it
LEAST_AT_ONCE, A_CPU = 512, 64  # tasks that are known to Ray and whose result wasn't taken


class Tasks:
    """This process's connection to a cluster; one that it has already is taken."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._ours = False

    def map(self, calls: Calls) -> Iterator[bytes]:
        """Call a function with each item; see `portable.compute.driver.MapDriver`."""
        asked = resources(calls.needs)
        return _results(self._connected(), calls, asked)

    def close(self) -> None:
        """Disconnect, where the connection was made here."""
        with self._lock:
            if self._ours:
                import ray

                ray.shutdown()
                self._ours = False

    def _connected(self) -> Any:
        try:
            import ray
        except ImportError as error:
            raise MissingDependency(
                "tasks of a Ray cluster need Ray: pip install 'portable-cloud[ray]'"
            ) from error
        with self._lock:
            if not ray.is_initialized():
                try:
                    ray.init(address=self._address, log_to_driver=False, configure_logging=False)
                except (OSError, RuntimeError, ValueError) as error:
                    raise Unavailable(
                        f"no connection to the Ray cluster at {self._address!r}: {words(error)}. "
                        f"Its Python and Ray have to be these ones; without 'tasks' map is an "
                        f"array of jobs",
                        retryable=False,
                    ) from error
                self._ours = True
        return ray


def _results(ray: Any, calls: Calls, asked: dict[str, Any]) -> Iterator[bytes]:
    count = len(calls.items)
    if calls.env:  # workers of their own: others' tasks must not see it
        asked = {**asked, "runtime_env": {"env_vars": dict(calls.env)}}
    call = calling(ray, calls.function, count)
    task = ray.remote(max_retries=calls.retries, **asked)(call)
    at_once = max(LEAST_AT_ONCE, A_CPU * int(ray.cluster_resources().get("CPU", 1)))
    end = time.monotonic() + calls.timeout
    running: deque[tuple[int, Any]] = deque()
    begun = 0
    try:
        while begun < count or running:
            while begun < count and len(running) < at_once:
                running.append((begun, task.remote(begun, calls.items[begun])))
                begun += 1
            for line in _first(ray, calls, running, end):
                running.popleft()
                yield line
    finally:
        for _, left in running:
            ray.cancel(left, force=True)


def _first(ray: Any, calls: Calls, running: deque[tuple[int, Any]], end: float) -> Iterator[bytes]:
    """The first one's line once it is there, and those behind it that are there by then.

    To wake up for each would cost more than a small call does.
    """
    front = list(islice(running, TOGETHER))
    results = [result for _, result in front]
    known = set(ray.wait(results, num_returns=len(results), timeout=LATE_SECONDS)[0])
    there = list(takewhile(known.__contains__, results))
    try:
        lines = ray.get(there)
    except ray.exceptions.RayError:  # one of them has no line: which, is found one by one
        lines = []
    yield from lines
    for index, result in front[len(lines) : max(1, len(there))]:
        yield _answer(ray, calls, index, result, end - time.monotonic())


def _answer(ray: Any, calls: Calls, index: int, result: Any, seconds: float) -> bytes:
    errors = ray.exceptions
    try:
        line: bytes = ray.get(result, timeout=max(0.0, seconds))
    except errors.GetTimeoutError as error:
        raise JobFailed(
            f"the calls took longer than {calls.timeout:g} s; item {index} was called for, or was "
            f"waiting for a machine that has what it needs",
            index=index,
            reason="timeout",
        ) from error
    except (errors.RuntimeEnvSetupError, errors.TaskUnschedulableError) as error:
        raise JobFailed(
            f"Ray can't call for item {index}: {words(error)}", index=index, reason="refused"
        ) from error
    except errors.RayTaskError as error:
        raise JobFailed(
            f"a worker couldn't call for item {index}: {words(error)}",
            index=index,
            reason="refused",
        ) from error
    except errors.RayError as error:
        raise JobFailed(
            f"the process or the machine that was called for item {index} was lost: {words(error)}",
            index=index,
            reason="lost",
        ) from error
    return line
