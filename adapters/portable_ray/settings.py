"""Which cluster, and what its machines share with this one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from portable.adapter import ComputeSettings
from portable.endpoints import check_endpoint
from portable.errors import EndpointRefused

AUTO = "auto"
_LOOPBACK = ("localhost", "127.", "[::1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class RaySettings(ComputeSettings):
    """A Ray cluster, by its dashboard.

    Attributes:
        address: ``"auto"`` is the cluster that this machine is part of, as Ray finds it; else
            where the dashboard is: ``"127.0.0.1:8265"`` or ``"https://ray.example.com"``.
        tasks: Where `map` connects to: ``"auto"``, or a Ray Client server such as
            ``"ray://head:10001"``; ``"auto"`` where `address` is, else `map` is an array of jobs.
        shared_files: Do all of the cluster's machines see this machine's files by the same
            paths, so that storage in a folder will do?
        allow_http: Take an `address` that isn't encrypted, beyond loopback; only from code.
        timeout: Seconds that one request may take.
        ca_bundle: A file of certificate authorities instead of the usual ones.
    """

    address: str = AUTO
    tasks: str | None = None
    shared_files: bool = False
    allow_http: bool = False
    timeout: float = 30.0
    ca_bundle: str | None = None

    paths: ClassVar[frozenset[str]] = frozenset({"ca_bundle"})
    code_only: ClassVar[frozenset[str]] = frozenset({"allow_http"})

    @property
    def url(self) -> str:
        return f"ray://{self.address.rpartition('://')[2].rstrip('/')}"

    @property
    def endpoint_id(self) -> str:
        return self.url

    @property
    def server(self) -> str | None:
        """Where the dashboard is: scheme, host and port; `None` where Ray has to find it.

        Raises:
            EndpointRefused: it isn't somewhere to send anything to.
        """
        if self.address == AUTO:
            return None
        address = self.address
        if "://" not in address:
            plain = self.allow_http or address.startswith(_LOOPBACK)
            address = f"{'http' if plain else 'https'}://{address}"
        return check_endpoint(address, allow_http=self.allow_http)

    @property
    def client(self) -> str | None:
        """What `ray.init` is given for `map`; `None` where it is an array of jobs."""
        return self.tasks or (AUTO if self.address == AUTO else None)

    def problems(self) -> list[str]:
        found = ComputeSettings.problems(self)
        if self.timeout <= 0:
            found.append("'timeout' must be above 0 seconds")
        if self.tasks is not None and self.tasks != AUTO and not self.tasks.startswith("ray://"):
            found.append('\'tasks\' must be "auto" or a Ray Client server: "ray://head:10001"')
        try:
            _ = self.server
        except EndpointRefused as error:
            found.append(f"'address': {error.message}")
        return found
