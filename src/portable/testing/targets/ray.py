"""Jobs of a Ray cluster of this machine, looked at by what `/proc` tells."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any

from portable.compute import Compute
from portable.discovery import connect_compute
from portable.storage import Bucket
from portable.testing.compute.harness import ComputeHarness, ComputeOracle
from portable.testing.servers import RayServer
from portable.testing.targets.local import open_local_bucket
from portable_ray import ADAPTER
from portable_ray.settings import RaySettings


class RayOracle(ComputeOracle):
    """Processes, by the job that Ray has named in their environment."""

    def __init__(self, cluster: RayServer) -> None:
        self._jobs = f"http://{cluster.dashboard}/api/jobs/"

    def processes(self, id: str) -> list[int]:
        """The job's, zombies left out."""
        mark = f'"job_submission_id": "{id}"'.encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if mark in (entry / "environ").read_bytes():
                        found.append(int(entry.name))
        return found

    def count(self, name: str) -> int:
        """Those that wait for room, too."""
        with urllib.request.urlopen(self._jobs) as answer:
            jobs = json.load(answer)
        going = [each for each in jobs if each["status"] in ("PENDING", "RUNNING")]
        return sum((each["metadata"] or {}).get("portable.name") == name for each in going)

    def alive(self, id: str) -> bool:
        return bool(self.processes(id))

    def kill(self, id: str) -> None:
        while found := self.processes(id):
            _signal(found, signal.SIGKILL)

    def hang(self, id: str) -> None:
        _signal(self.processes(id), signal.SIGSTOP)


def _signal(processes: list[int], number: int) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def settings(cluster: RayServer, **more: Any) -> RaySettings:
    """Of a driver that talks to a cluster of this machine."""
    return RaySettings(**{"address": cluster.dashboard, "shared_files": True, **more})


def open_ray_compute(cluster: RayServer, storage: Path, **more: Any) -> Compute:
    """Jobs of a cluster of this machine, kept in a folder."""
    place = settings(cluster, **more)
    return Compute(
        partial(connect_compute, ADAPTER, place),
        place,
        provider=ADAPTER.name,
        storage=partial(_open_storage, storage),
    )


def ray_compute_harness(cluster: RayServer, folder: Path) -> ComputeHarness:
    """What the conformance suite is told of a cluster; jobs are kept in *folder*."""
    return ComputeHarness(
        connect=lambda: connect_compute(ADAPTER, settings(cluster)),
        oracle=RayOracle(cluster),
        open_compute=partial(open_ray_compute, cluster, folder),
        storage=_open_storage(folder),
        patience=60.0,
    )


def _open_storage(path: Path) -> Bucket:
    return open_local_bucket(path)
