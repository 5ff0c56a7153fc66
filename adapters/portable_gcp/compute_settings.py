"""What can be configured of Compute Engine. Credentials come from Google's own chain."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from portable.adapter import ComputeSettings
from portable.endpoints import check_endpoint
from portable.errors import EndpointRefused
from portable_gcp.projects import project_problems

ENDPOINT = "https://compute.googleapis.com"
# https://cloud.google.com/compute/docs/regions-zones: us-east1, us-east1-b, us-central1-ai1a.
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]+")
_ZONE = re.compile(r"([a-z]+-[a-z]+[0-9]+)-[a-z][a-z0-9]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class GceSettings(ComputeSettings):
    """A zone of Compute Engine, or a region whose zones are taken in turn.

    Attributes:
        project: The project that pays for the machines.
        zone: Where they are.
        region: Without a `zone`: each of the region's zones is tried until one has room.
        network: The machines' network, by name or as ``projects/HOST/global/networks/NAME``.
        subnetwork: Its part, by name or in full; needed where the network makes none by itself.
        public_address: Do machines have an address of their own? Without one they reach storage
            only where the subnetwork has Private Google Access or a Cloud NAT.
        disk_type: Of the disk that machines start from; one that the type of machine takes
            unless given: ``"pd-balanced"``, or ``"hyperdisk-balanced"``.
        accept: Seconds that a launch waits for Compute Engine to say whether it has room and
            quota. What it says later is told of a machine that has ended.
        endpoint: Another server than Google's; https, or http on loopback.
        allow_http: Take an `endpoint` that isn't encrypted, beyond loopback; only from code.
        credentials_file: A credential file, such as a service account's key, instead of
            Application Default Credentials.
        anonymous: Send no credentials. Emulators on loopback are sent none unless there is a
            `credentials_file`.
        timeout: Seconds that one request may take.
        ca_bundle: A file of certificate authorities instead of the usual ones.
    """

    project: str
    zone: str | None = None
    region: str | None = None
    network: str = "default"
    subnetwork: str | None = None
    public_address: bool = True
    disk_type: str | None = None
    accept: float = 10.0
    endpoint: str | None = None
    allow_http: bool = False
    credentials_file: str | None = None
    anonymous: bool = False
    timeout: float = 30.0
    ca_bundle: str | None = None

    paths: ClassVar[frozenset[str]] = frozenset({"ca_bundle", "credentials_file"})
    code_only: ClassVar[frozenset[str]] = frozenset({"allow_http"})

    @property
    def url(self) -> str:
        return f"gce://{self.project}/{self.zone or self.place}"

    @property
    def endpoint_id(self) -> str:
        return self.endpoint or ENDPOINT

    @property
    def server(self) -> str:
        """Where requests go: scheme, host and port, in normal form.

        Raises:
            EndpointRefused: the endpoint isn't one to send anything to.
        """
        if self.endpoint is None:
            return ENDPOINT
        return check_endpoint(self.endpoint, allow_http=self.allow_http)

    @property
    def place(self) -> str:
        """The region that machines are in."""
        return self.zone.rpartition("-")[0] if self.zone else self.region or ""

    def problems(self) -> list[str]:
        found = [*ComputeSettings.problems(self), *project_problems(self.project)]
        found += self._place_problems()
        if self.accept < 0:
            found.append("'accept' must be 0 seconds or more")
        if self.timeout <= 0:
            found.append("'timeout' must be above 0 seconds")
        if self.anonymous and self.credentials_file is not None:
            found.append("'anonymous' and 'credentials_file' exclude each other")
        try:
            _ = self.server
        except EndpointRefused as error:
            found.append(f"'endpoint': {error.message}")
        return found

    def _place_problems(self) -> list[str]:
        if self.zone is None and self.region is None:
            return [
                "'zone' is missing, such as \"us-east1-b\"; or a 'region', all of whose zones do"
            ]
        found = []
        if self.region is not None and not _REGION.fullmatch(self.region):
            found.append(f"'region' {self.region!r} isn't a region's name, such as \"us-east1\"")
        if self.zone is not None and not _ZONE.fullmatch(self.zone):
            found.append(f"'zone' {self.zone!r} isn't a zone's name, such as \"us-east1-b\"")
        elif self.zone is not None and self.region not in (None, self.place):
            found.append(f"'zone' {self.zone!r} isn't in 'region' {self.region!r}")
        return found
