"""Machines of the local provider: processes of this computer, looked at by what `/proc` tells."""

from __future__ import annotations

import contextlib
import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

from portable.compute import Compute
from portable.storage import Bucket
from portable.testing.compute.harness import ComputeHarness, ComputeOracle
from portable.testing.targets.local import open_local_bucket
from portable_local.compute.driver import LocalCompute
from portable_local.compute.settings import LocalComputeSettings


class LocalComputeOracle(ComputeOracle):
    """Processes, by the folder that their environment names."""

    def __init__(self, path: Path) -> None:
        self._machines = path / "machines"

    def processes(self, id: str) -> list[int]:
        """The machine's, zombies left out."""
        mark = f"PORTABLE_MACHINE={self._machines / id}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
        return found

    def count(self, name: str) -> int:
        return int(self.alive(name))

    def alive(self, id: str) -> bool:
        return bool(self.processes(id))

    def kill(self, id: str) -> None:
        while found := self.processes(id):
            self._signal(found, signal.SIGKILL)

    def hang(self, id: str) -> None:
        self._signal(self.processes(id), signal.SIGSTOP)

    def _signal(self, processes: list[int], number: int) -> None:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)


def open_local_compute(path: Path, storage: Path, **settings: Any) -> Compute:
    """Jobs as processes, kept in a folder."""
    wanted = LocalComputeSettings(path=str(path), **settings)
    return Compute(
        partial(LocalCompute, wanted),
        wanted,
        provider="local",
        storage=partial(_open_storage, storage),
    )


def end_machines(compute: Compute) -> None:
    """End whatever a compute still runs."""
    driver = compute._connection.driver
    for each in driver.list({"portable": "1"}):
        driver.terminate(each.id)


def _open_storage(path: Path) -> Bucket:
    return open_local_bucket(path)


def local_compute_harness(folder: Path) -> ComputeHarness:
    """Machines in *folder*, which is empty."""
    path, storage = folder / "compute", folder / "storage"
    return ComputeHarness(
        connect=partial(LocalCompute, LocalComputeSettings(path=str(path))),
        oracle=LocalComputeOracle(path),
        open_compute=partial(open_local_compute, path, storage),
        storage=_open_storage(storage),
    )
