"""What can be configured of Droplets. The token comes from the environment alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from portable.adapter import ComputeSettings
from portable.endpoints import check_endpoint, http_problems
from portable_digitalocean.settings import REGION

ENDPOINT = "https://api.digitalocean.com"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DropletSettings(ComputeSettings):
    """Droplets of one region.

    Attributes:
        region: The datacenter that they are in, such as ``"nyc1"``.
        vpc: The id of the VPC network that they are put in, a UUID; the region's default one
            unless given. They have to reach storage from there.
        endpoint: Another server than DigitalOcean's; https, or http on loopback.
        allow_http: Take an `endpoint` that isn't encrypted, beyond loopback; only from code.
        connect_timeout: Seconds.
        read_timeout: Seconds without a byte.
        ca_bundle: A file of certificate authorities instead of the usual ones.
    """

    region: str
    vpc: str | None = None
    endpoint: str | None = None
    allow_http: bool = False
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    ca_bundle: str | None = None

    paths: ClassVar[frozenset[str]] = frozenset({"ca_bundle"})
    code_only: ClassVar[frozenset[str]] = frozenset({"allow_http"})

    @property
    def url(self) -> str:
        return f"droplets://{self.region}"

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

    def problems(self) -> list[str]:
        found = [*ComputeSettings.problems(self), *http_problems(self)]
        if not REGION.fullmatch(self.region):
            found.append(f"'region' {self.region!r} isn't a datacenter, such as \"nyc1\"")
        if self.vpc is not None and not _UUID.fullmatch(self.vpc):
            found.append(f"'vpc' {self.vpc!r} isn't a VPC network's id, a UUID in lower case")
        return found
