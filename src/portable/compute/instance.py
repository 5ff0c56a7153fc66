"""Machines without jobs: `compute.instances`, and `Instance`, a handle of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from portable.compute.connection import Connection
from portable.compute.types import InstanceInfo, InstanceState
from portable.queue.arguments import Seconds


class Instance:
    """One machine.

    Attributes:
        id: The provider's.
        info: As it was when this handle was made, or last looked at.
    """

    def __init__(self, connection: Connection, info: InstanceInfo) -> None:
        self._connection = connection
        self.id = info.id
        self.info = info

    def __repr__(self) -> str:
        return f"Instance({self.id!r}, {self.info.state})"

    def wait(self, state: InstanceState = "running", timeout: Seconds = 600) -> InstanceInfo:
        """Wait until it is in *state*."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it, once it was stopped."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop it: its disk stays, and costs."""
        raise NotImplementedError

    def terminate(self) -> None:
        """End it for good, and all that was made with it."""
        raise NotImplementedError


class Instances:
    """A provider's machines."""

    def __init__(self, connection: Callable[[], Connection]) -> None:
        self._current = connection

    def create(
        self,
        name: str | None = None,
        *,
        cpus: float = 1,
        memory_gib: float | None = None,
        gpus: int = 0,
        gpu: str | None = None,
        disk_gib: int | None = None,
        machine: str | None = None,
        spot: bool = False,
        image: str | None = None,
        boot: str = "",
        tags: Mapping[str, str] | None = None,
        ssh_key: str = "",
        lifetime: Seconds = 86400,
    ) -> Instance:
        """Start a machine."""
        raise NotImplementedError

    def get(self, id: str) -> Instance:
        """One machine."""
        raise NotImplementedError

    def list(self, tags: Mapping[str, str] | None = None) -> Iterator[Instance]:
        """Machines that `portable` made."""
        raise NotImplementedError

    def start(self, id: str) -> None:
        """Start a stopped machine."""
        raise NotImplementedError

    def stop(self, id: str) -> None:
        """Stop a machine."""
        raise NotImplementedError

    def terminate(self, id: str) -> None:
        """End a machine; one that is gone already is fine."""
        raise NotImplementedError
