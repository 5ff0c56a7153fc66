"""A transfer on a Ray cluster: each range of keys is a task of Ray's own scheduler."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from portable.errors import InvalidArgument, MissingDependency
from portable.transfers.engine import Plan, transfer
from portable.transfers.places import Folder
from portable.transfers.report import TransferProgress, TransferReport, merged
from portable.transfers.routes import route
from portable.transfers.sharding import shards

SHARDS_A_CPU = 4  # so that no CPU waits long for the last one


def transfer_on_ray(plan: Plan, progress: TransferProgress | None = None) -> TransferReport:
    """Carry out *plan* on the cluster that this process is connected to, or Ray finds by itself.

    Every machine of it needs `portable-cloud`, the source, the target, and credentials of its
    own for both: none are sent.

    Args:
        plan: To be cut in ranges.
        progress: Called whenever a range is done.

    Raises:
        MissingDependency: there is no Ray here.
        InvalidArgument: a local folder, and the cluster is more than this machine.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingDependency("on='ray' needs Ray: pip install 'portable-cloud[ray]'") from error
    ours = not ray.is_initialized()
    if ours:
        ray.init(include_dashboard=False, log_to_driver=False)
    try:
        _check_reach(plan, ray)
        return _spread(plan, ray, progress)
    finally:
        if ours:
            ray.shutdown()


def _spread(plan: Plan, ray: Any, progress: TransferProgress | None) -> TransferReport:
    begin = time.monotonic()
    cpus = int(ray.cluster_resources().get("CPU", 1))
    task = ray.remote(num_cpus=1, max_retries=3)(transfer)
    running = [task.remote(piece) for piece in shards(plan, cpus * SHARDS_A_CPU)]
    reports: list[TransferReport] = []
    try:
        while running:
            done, running = ray.wait(running)
            reports += ray.get(done)
            if progress is not None:
                progress(merged(reports, time.monotonic() - begin))
    except BaseException as error:
        for each in running:
            ray.cancel(each)
        if isinstance(error, ray.exceptions.RayTaskError):
            raise error.cause from None
        raise
    report = replace(merged(reports, time.monotonic() - begin), dry_run=plan.dry_run)
    if not plan.dry_run:
        route(plan.source, plan.target, durable=plan.durable).finish(everything=report.ok)
    return report


def _check_reach(plan: Plan, ray: Any) -> None:
    """Local folders need a cluster that is this machine: one node, that sees what is seen here."""
    folders = [place.path for place in (plan.source, plan.target) if isinstance(place, Folder)]
    if not folders:
        return
    alive = [node for node in ray.nodes() if node["Alive"]]
    seen = ray.remote(num_cpus=0)(_sight)
    if len(alive) > 1 or any(ray.get(seen.remote(path)) != _sight(path) for path in folders):
        raise InvalidArgument(
            f"{folders[0]} is a folder of this machine, and the cluster is {len(alive)} machines, "
            f"or another one: they can't reach it. Leave out on='ray', or name a folder that all "
            f"of them mount by a file:// URL"
        )


def _sight(path: str) -> tuple[str, int, int]:
    """What tells the folder *path*, or what is there of it, from one at another machine."""
    there = next(each for each in (Path(path), *Path(path).parents) if each.exists())
    status = there.stat()
    return str(there), status.st_dev, status.st_ino
