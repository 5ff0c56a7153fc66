"""What can be configured of Azure's virtual machines. Credentials come from azure-identity's chain."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from portable.adapter import ComputeSettings
from portable.endpoints import check_endpoint, http_problems

ENDPOINT = "https://management.azure.com"
# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
_GROUP = re.compile(r"[\w.()-]{0,89}[\w()-]")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LOCATION = re.compile(r"[a-z0-9]+")
_SUBNET = re.compile(r"[\w.-]+/[\w.-]+|/subscriptions/.+/virtualNetworks/[^/]+/subnets/[^/]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureVmSettings(ComputeSettings):
    """A resource group whose virtual machines are made and ended here.

    Attributes:
        subscription: The id of the subscription that pays, a UUID.
        resource_group: The group that machines are in, and all that is made with them. It is
            there beforehand.
        location: The region, such as ``"eastus"``.
        subnet: The network's and the subnet's names, as ``"NETWORK/SUBNET"`` in the same group, or
            the subnet's whole resource id. It is there beforehand.
        public_address: Do machines have an address of their own? Without one they reach storage
            only where the subnet has a NAT gateway or a service endpoint.
        disk_type: Of the disk that machines start from.
        accept: Seconds that a launch waits for Azure to say whether it has room. What it says
            later is told of a machine that is `stopped`.
        endpoint: Another server than Azure Resource Manager's own, such as a sovereign cloud's;
            https, or http on loopback. Over plain http no credentials are sent.
        allow_http: Take an `endpoint` that isn't encrypted, beyond loopback; only from code.
        connect_timeout: Seconds.
        read_timeout: Seconds without a byte.
        ca_bundle: A file of certificate authorities instead of the usual ones.
    """

    subscription: str
    resource_group: str
    location: str
    subnet: str = "portable/machines"
    public_address: bool = True
    disk_type: str = "StandardSSD_LRS"
    accept: float = 10.0
    endpoint: str | None = None
    allow_http: bool = False
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    ca_bundle: str | None = None

    paths: ClassVar[frozenset[str]] = frozenset({"ca_bundle"})
    code_only: ClassVar[frozenset[str]] = frozenset({"allow_http"})

    @property
    def url(self) -> str:
        return f"azurevm://{self.subscription}/{self.resource_group}"

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
    def subnet_id(self) -> str:
        """The subnet's whole resource id."""
        if self.subnet.startswith("/"):
            return self.subnet
        network, _, subnet = self.subnet.partition("/")
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}/providers/"
            f"Microsoft.Network/virtualNetworks/{network}/subnets/{subnet}"
        )

    def problems(self) -> list[str]:
        found = [*ComputeSettings.problems(self), *http_problems(self)]
        if not _UUID.fullmatch(self.subscription):
            found.append(
                f"'subscription' {self.subscription!r} isn't a subscription's id, a UUID: "
                f"`az account show --query id`"
            )
        if not _GROUP.fullmatch(self.resource_group):
            found.append(f"'resource_group' {self.resource_group!r} isn't a group's name")
        if not _LOCATION.fullmatch(self.location):
            found.append(f"'location' {self.location!r} isn't a region's name, such as \"eastus\"")
        if not _SUBNET.fullmatch(self.subnet):
            found.append(
                f"'subnet' {self.subnet!r} is neither NETWORK/SUBNET nor a subnet's resource id"
            )
        if self.accept < 0:
            found.append("'accept' must be 0 seconds or more")
        return found
