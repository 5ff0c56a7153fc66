"""A place's settings and, in each process, its driver, retries and the storage of its jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from portable import connection
from portable.adapter import ComputeSettings
from portable.retry import Retry

if TYPE_CHECKING:
    from portable.compute.driver import ComputeCapabilities, ComputeDriver
    from portable.compute.site import Site
    from portable.storage import Bucket


class Live(connection.Live):
    """What one process has of a connection."""

    driver: ComputeDriver
    capabilities: ComputeCapabilities
    site: Site | None = None


@dataclass(slots=True, kw_only=True)
class Connection(connection.Connection[Live]):
    """How to reach one place that runs jobs.

    Attributes:
        storage: Opens the bucket that its jobs are kept in.
    """

    HOLDS: ClassVar[str] = "machines"

    connect: Callable[[], ComputeDriver]
    settings: ComputeSettings
    storage: Callable[[], Bucket]
    _bucket: Bucket | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**connection.Connection.__getstate__(self), "_bucket": None}

    @property
    def driver(self) -> ComputeDriver:
        """This process's driver."""
        return self.live.driver

    @property
    def capabilities(self) -> ComputeCapabilities:
        """The driver's."""
        return self.live.capabilities

    @property
    def bucket(self) -> Bucket:
        """Where its jobs are kept."""
        if self._bucket is None:
            self._bucket = self.storage()
        return self._bucket

    @property
    def site(self) -> Site:
        """What this process knows of the place."""
        live = self.live
        if live.site is None:
            from portable.compute.site import Site

            live.site = Site(self)
        return live.site

    def _open(self, retry: Retry) -> Live:
        return Live(self.connect(), retry)

    def close(self) -> None:
        """Drop this process's driver and bucket; the next call makes new ones."""
        connection.Connection.close(self)
        bucket, self._bucket = self._bucket, None
        if bucket is not None:
            bucket.close()
