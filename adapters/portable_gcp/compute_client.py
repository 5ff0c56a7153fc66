"""Google's generated clients of Compute Engine. Importing this takes seconds and 160 MB."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from typing import Any

from google.api_core.client_options import ClientOptions

from portable import interrupt
from portable_gcp import credentials
from portable_gcp.compute_errors import from_operation, translated
from portable_gcp.compute_settings import GceSettings

# Not by a statement: type checkers would read its 130,000 lines each time.
compute_v1 = import_module("google.cloud.compute_v1")
DONE = compute_v1.Operation.Status.DONE

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0


class ComputeEngine:
    """One project's Compute Engine. Each request is sent once. Safe to use from many threads."""

    def __init__(self, settings: GceSettings) -> None:
        """Find credentials; nothing is sent."""
        self._settings = settings
        with translated():
            self._credentials = credentials.load(settings)

    def ask(self, client: str, method: str, **request: Any) -> Any:
        """Send one request to the settings' project.

        Args:
            client: One of the properties here.
            method: Of the client.
        """
        with translated():
            return getattr(getattr(self, client), method)(
                request={"project": self._settings.project, **request},
                retry=None,
                timeout=self._settings.timeout,
            )

    def each(self, client: str, method: str, **request: Any) -> Iterator[Any]:
        """As `ask`, for an answer in pages: what is in them."""
        found = iter(self.ask(client, method, **request))
        while True:
            with translated():
                try:
                    item = next(found)
                except StopIteration:
                    return
            yield item

    def settled(self, zone: str, operation: Any) -> Any:
        """Look at an operation until it is done, for `accept` seconds; its last state.

        Raises:
            PortableError: it failed.
        """
        until, pause = time.monotonic() + self._settings.accept, FIRST_PAUSE
        # The client's own waiting for a result asks Google, whatever the endpoint.
        while operation.status != DONE and (left := until - time.monotonic()) > 0:
            interrupt.sleep(min(pause, left))
            pause = min(pause * 1.5, LONGEST_PAUSE)
            operation = self.ask("operations", "get", zone=zone, operation=operation.name)
        if failed(operation):
            raise from_operation(operation)
        return operation

    @cached_property
    def instances(self) -> Any:
        return self._made(compute_v1.InstancesClient)

    @cached_property
    def operations(self) -> Any:
        return self._made(compute_v1.ZoneOperationsClient)

    @cached_property
    def regions(self) -> Any:
        return self._made(compute_v1.RegionsClient)

    @cached_property
    def machine_types(self) -> Any:
        return self._made(compute_v1.MachineTypesClient)

    @cached_property
    def accelerator_types(self) -> Any:
        return self._made(compute_v1.AcceleratorTypesClient)

    def close(self) -> None:
        """End the connections."""
        for made in list(vars(self).values()):
            if hasattr(made, "transport"):
                made.transport.close()

    def _made(self, kind: Any) -> Any:
        server = self._settings.server
        made = kind(
            credentials=self._credentials, client_options=ClientOptions(api_endpoint=server)
        )
        session = made.transport._session  # there is no option for what follows
        session.max_redirects = 0
        if self._settings.ca_bundle is not None:
            session.verify = self._settings.ca_bundle
        if credentials.is_local(server):
            session.trust_env = False  # its proxies
        return made


def failed(operation: Any) -> bool:
    """Has it ended without doing what it was for?"""
    return bool(operation.error.errors)
