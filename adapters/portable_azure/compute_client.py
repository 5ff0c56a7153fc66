"""Azure's generated client of virtual machines. Importing this takes seconds and 100 MB."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from azure.core import MatchConditions, PipelineClient
from azure.core.credentials import AccessToken
from azure.core.pipeline.policies import (
    BearerTokenCredentialPolicy,
    ContentDecodePolicy,
    RequestIdPolicy,
    SansIOHTTPPolicy,
    UserAgentPolicy,
)
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest

from portable_azure.compute_errors import translated
from portable_azure.compute_settings import AzureVmSettings
from portable_azure.compute_shapes import NETWORK_API
from portable_azure.credentials import identity

# Not by a statement: type checkers would read its 110,000 lines each time.
compute = import_module("azure.mgmt.compute")


class VirtualMachines:
    """One subscription's virtual machines. Each request is sent once. Safe in threads.

    Machines are as in JSON; their operations aren't waited for.
    """

    def __init__(self, settings: AzureVmSettings) -> None:
        """Find credentials; nothing is sent."""
        self._settings = settings
        with translated(settings):
            self.native, self._plain = _clients(settings)

    def create(self, name: str, made: dict[str, Any]) -> Any:
        """Make a machine unless there is one of this name; it as it was taken on.

        Raises:
            AlreadyExists: there is one.
        """
        with translated(self._settings):
            taken = self._machines.begin_create_or_update(
                self._settings.resource_group,
                name,
                made,
                match_condition=MatchConditions.IfMissing,
                polling=False,
            )
            return _checked(taken.result())

    def get(self, group: str, name: str) -> Any:
        """A machine with what it does now.

        Raises:
            InstanceNotFound: there is none.
        """
        with translated(self._settings):
            return _checked(self._machines.get(group, name, expand="instanceView"))

    def each(self) -> Iterator[Any]:
        """The group's machines; what they do now isn't told."""
        with translated(self._settings):
            found = iter(self._machines.list(self._settings.resource_group))
        while True:
            with translated(self._settings):
                try:
                    machine = _checked(next(found))
                except StopIteration:
                    return
            yield machine

    def start(self, group: str, name: str) -> None:
        """Give a machine a place and switch it on."""
        with translated(self._settings):
            self._machines.begin_start(group, name, polling=False)

    def deallocate(self, group: str, name: str) -> None:
        """Switch a machine off and give its place back."""
        with translated(self._settings):
            self._machines.begin_deallocate(group, name, polling=False)

    def delete(self, group: str, name: str) -> bool:
        """End a machine, without asking what runs on it; False where there is none."""
        with translated(self._settings):
            taken = self._machines.begin_delete(
                group,
                name,
                force_deletion=True,
                polling=False,
                cls=lambda answer, _, __: answer.http_response.status_code,
            )
            return bool(taken.result() != 204)

    def address(self, interface: str) -> str:
        """Where an interface is reached from outside; empty where it isn't.

        Args:
            interface: Its resource id.
        """
        for each in self._read(interface).get("ipConfigurations", ()):
            public = each["properties"].get("publicIPAddress")
            if public is not None:
                return str(self._read(public["id"]).get("ipAddress") or "")
        return ""

    def close(self) -> None:
        """End the connections."""
        self.native.close()
        self._plain.close()

    @property
    def _machines(self) -> Any:
        return self.native.virtual_machines

    def _read(self, id: str) -> Any:
        """What a resource of the network is; nothing where it is on its way out."""
        with translated(self._settings):
            url = f"{self._settings.server}/{id.lstrip('/')}"
            asked = HttpRequest("GET", url, params={"api-version": NETWORK_API})
            answer = self._plain.send_request(asked)
            if answer.status_code == 404:
                return {}
            answer.raise_for_status()
            return answer.json()["properties"]


class _Nobody:
    """The client wants a credential, and doesn't use it where its policies have none."""

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        raise AssertionError("no token is sent over plain http")


def _clients(settings: AzureVmSettings) -> tuple[Any, Any]:
    """The one for machines, and one for what it hasn't; they share their connections."""
    server = settings.server
    is_plain = server.startswith("http://")
    policies: list[Any] = [RequestIdPolicy(), UserAgentPolicy("portable"), ContentDecodePolicy()]
    credential: Any = _Nobody()
    if not is_plain:
        credential = identity()
        policies.append(BearerTokenCredentialPolicy(credential, f"{server}/.default"))
    transport = RequestsTransport(
        connection_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        connection_verify=settings.ca_bundle or True,
        use_env_settings=not is_plain,  # proxies
    )
    machines = compute.ComputeManagementClient(
        credential,
        settings.subscription,
        server,
        policies=policies,  # without the SDK's own, which send again, follow and log
        authentication_policy=SansIOHTTPPolicy(),
        transport=transport,
    )
    return machines, PipelineClient(server, policies=policies, transport=transport)


def _checked(machine: Any) -> Any:
    """A machine's JSON, where it has what every machine has."""
    if not isinstance(machine["name"], str) or not machine["properties"]["hardwareProfile"]:
        raise ValueError("this is no machine")
    return machine
