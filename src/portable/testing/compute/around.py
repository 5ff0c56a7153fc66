"""Drivers around a driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from portable.compute import Compute
from portable.compute.driver import (
    Calls,
    ComputeCapabilities,
    ComputeDriver,
    Launch,
    MapDriver,
)
from portable.compute.types import InstanceInfo


class ComputeDriverAround:
    """A driver that hands every call on; a subclass changes some."""

    def __init__(self, inner: ComputeDriver) -> None:
        self.inner = inner

    @property
    def capabilities(self) -> ComputeCapabilities:
        return self.inner.capabilities

    @property
    def native(self) -> Any:
        return self.inner.native

    def launch(self, wanted: Launch) -> InstanceInfo:
        return self.inner.launch(wanted)

    def get(self, id: str) -> InstanceInfo | None:
        return self.inner.get(id)

    def list(self, tags: Mapping[str, str]) -> Iterator[InstanceInfo]:
        return self.inner.list(tags)

    def start(self, id: str) -> None:
        self.inner.start(id)

    def stop(self, id: str) -> None:
        self.inner.stop(id)

    def terminate(self, id: str) -> None:
        self.inner.terminate(id)

    def map(self, calls: Calls) -> Iterator[bytes]:
        return cast("MapDriver", self.inner).map(calls)

    def close(self) -> None:
        self.inner.close()


def around(compute: Compute, wrap: Callable[[ComputeDriver], ComputeDriver]) -> Compute:
    """The same compute, its driver in another one."""
    connection = compute._connection
    connect = connection.connect
    connection.connect = lambda: wrap(connect())
    return compute
