"""`LocalCompute`: a machine is a process of this computer, with all that it starts."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from portable.compute.driver import ComputeCapabilities, Launch
from portable.compute.types import InstanceInfo
from portable.errors import InvalidArgument, Unsupported
from portable_local.compute.machine import Machine
from portable_local.compute.settings import LocalComputeSettings
from portable_local.errors import translated

KEPT_SECONDS = 24 * 3600.0  # the folder of a machine that has ended


def _processors() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class LocalCompute:
    """Machines in the folders of a folder; whatever process looks there sees them all."""

    capabilities = ComputeCapabilities(
        ends="script",
        idempotent=True,
        boot_max=1024 * 1024,
        tags_max=100,
        python=sys.executable,
        cpus=float(_processors()),
        files=True,
    )

    def __init__(self, settings: LocalComputeSettings) -> None:
        self._base = settings.folder_path / "machines"
        self._lock = threading.Lock()
        self._swept = False

    @property
    def native(self) -> Path:
        """The folder of the machines' folders."""
        return self._base

    def launch(self, wanted: Launch) -> InstanceInfo:
        """Start the script, unless a machine of this name and token has begun already.

        Its id is the name, or where that is another machine's, the name and the token.
        """
        with translated():
            self._sweep()
            machine = self._machine(wanted.name)
            if not machine.claim(wanted):
                machine = self._machine(f"{wanted.name}-{wanted.token}")
                machine.claim(wanted)
            if not machine.has_begun:
                machine.start(wanted.boot)
            return machine.describe()

    def get(self, id: str) -> InstanceInfo | None:
        """Describe one; `None` where its folder is gone."""
        machine = self._machine(id)
        with translated():
            return machine.look()

    def list(self, tags: Mapping[str, str]) -> Iterator[InstanceInfo]:
        """Every machine with these tags whose folder is still there."""
        with translated():
            for machine in self._machines():
                described = machine.look()
                if described is not None and tags.items() <= described.tags.items():
                    yield described

    def start(self, id: str) -> None:
        """Never called: `capabilities.stops` is False."""
        raise Unsupported("processes of this machine can't be stopped and started")

    def stop(self, id: str) -> None:
        """Never called: `capabilities.stops` is False."""
        raise Unsupported("processes of this machine can't be stopped and started")

    def terminate(self, id: str) -> None:
        """Kill all its processes, those too that have left its group and session."""
        machine = self._machine(id)
        with translated():
            if machine.exists:
                machine.terminate()

    def close(self) -> None:
        """Nothing is held."""

    def _machine(self, name: str) -> Machine:
        if Path(name).name != name:
            raise InvalidArgument(f"{name!r} is no machine's name")
        return Machine(self._base / name)

    def _machines(self) -> Sequence[Machine]:
        try:
            names = sorted(entry.name for entry in self._base.iterdir())
        except FileNotFoundError:
            return []
        return [self._machine(name) for name in names]

    def _sweep(self) -> None:
        """Once in each process: remove the folders of those that ended long ago."""
        with self._lock:
            if self._swept:
                return
            self._swept = True
        for machine in self._machines():
            if machine.is_older(KEPT_SECONDS):
                described = machine.look()
                if described is None or described.state == "terminated":
                    machine.remove()
