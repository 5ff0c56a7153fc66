"""The calls of `portable.compute`, awaited: ``await portable.aio.compute.submit("python train.py")``.

The functions here are the methods of one default `AsyncCompute` on the active profile's compute.
"""

from __future__ import annotations

from portable import compute
from portable.aio._compute import AsyncCompute
from portable.aio._instances import AsyncInstance, AsyncInstances
from portable.aio._job import AsyncJob

_compute = AsyncCompute(compute._compute)

instances = _compute.instances
job = _compute.job
jobs = _compute.jobs
map = _compute.map
reap = _compute.reap
submit = _compute.submit


def open_compute(name_or_url: str | None = None) -> AsyncCompute:
    """Open a place that runs jobs as `portable.open_compute` does; nothing is sent yet.

    Raises:
        ConfigError: no compute of that name, an unknown scheme, or settings that can't be used.
        Unsupported: the provider has no machines; the text says what to use.
        MissingDependency: raised at the first call, when the provider's SDK isn't installed.
    """
    from portable.compute.active import open_compute

    return AsyncCompute(open_compute(name_or_url))


__all__ = [
    "AsyncCompute",
    "AsyncInstance",
    "AsyncInstances",
    "AsyncJob",
    "instances",
    "job",
    "jobs",
    "map",
    "open_compute",
    "reap",
    "submit",
]
