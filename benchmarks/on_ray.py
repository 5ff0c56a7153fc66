"""`map` on a Ray cluster of this machine, beside tasks that are written for Ray."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.util import find_spec

import portable
from benchmarks.timing import Row, as_table, measure
from portable.compute import Compute

PLAIN = "plain Ray tasks"


def run(rounds: int) -> str:
    """A Markdown table; a line where Ray isn't installed."""
    if find_spec("ray") is None:
        return "`map` on Ray wasn't measured: Ray isn't installed.\n"
    from portable.testing.servers import ray_cluster

    with ExitStack() as stack:
        before = {name: os.environ.get(name) for name in ("RAY_ADDRESS", "RAY_AUTH_MODE")}
        stack.callback(_restore, before)
        os.environ["RAY_AUTH_MODE"] = "disabled"
        cluster = stack.enter_context(ray_cluster(os.cpu_count() or 1))
        os.environ["RAY_ADDRESS"] = cluster.address
        compute = portable.open_compute("ray://auto")
        stack.callback(compute.close)
        rows = [
            _calls(compute, "1,000 calls that return at once", 1000, 0.0, rounds),
            _calls(compute, "100 calls of 10 ms", 100, 0.01, rounds),
        ]
    return as_table("`map` on Ray", rows, "portable", (PLAIN,))


def _calls(compute: Compute, name: str, count: int, seconds: float, rounds: int) -> Row:
    import ray

    def function(item: int) -> int:  # in here, so that both send its code
        if seconds:
            time.sleep(seconds)
        return item

    wanted = list(range(count))
    list(compute.map(function, wanted))  # it connects, and Ray starts its workers
    task = ray.remote(function)

    def ours() -> None:
        assert list(compute.map(function, wanted)) == wanted

    def plain() -> None:
        assert ray.get([task.remote(each) for each in wanted]) == wanted

    return measure(name, "calls/s", count, {"portable": ours, PLAIN: plain}, rounds)


def _restore(before: Mapping[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
