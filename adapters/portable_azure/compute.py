"""Virtual machines of Azure, by azure-mgmt-compute.

That is imported when the first request is sent: its import takes seconds.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from portable import interrupt
from portable.compute.driver import Launch
from portable.compute.types import InstanceInfo
from portable.errors import AlreadyExists, InstanceNotFound, NoCapacity, PortableError, Unavailable
from portable_azure.compute_codes import NotHere
from portable_azure.compute_settings import AzureVmSettings
from portable_azure.compute_shapes import (
    capabilities,
    described,
    ended,
    failure,
    is_settled,
    is_unmade,
    place_of,
    resource,
    way_in,
)

if TYPE_CHECKING:
    from portable_azure.compute_client import VirtualMachines

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
NEW_SECONDS = 60.0  # so long a machine that was taken on may not be known everywhere
CLEAR_SECONDS = 60.0  # for the end of a machine that there was no room for


class AzureMachines:
    """`ComputeDriver` over the virtual machines of one resource group."""

    def __init__(self, settings: AzureVmSettings) -> None:
        self.capabilities = capabilities(settings)
        self._settings = settings
        self._lock = threading.Lock()
        self._opened: VirtualMachines | None = None
        self._launched_at: dict[str, float] = {}
        self._seen: set[str] = set()

    @property
    def native(self) -> Any:
        return self._azure.native

    def launch(self, wanted: Launch) -> InstanceInfo:
        made = resource(wanted, self._settings)
        try:
            return self._launched(wanted, made)
        except (NoCapacity, NotHere) as error:
            from portable_azure.compute_sizes import explained

            told = explained(error, wanted.machine, self._settings.location)
            raise told from error.__cause__

    def get(self, id: str) -> InstanceInfo | None:
        found = self._looked(id)
        if found is not None:
            interface = way_in(found)
            address = self._azure.address(interface) if interface else ""
            return described(place_of(id)[0], found, address)
        return ended(id) if id in self._seen else None

    def list(self, tags: Mapping[str, str]) -> Iterator[InstanceInfo]:
        for found in self._azure.each():
            info = self._described(found)
            if tags.items() <= info.tags.items() and (told := self.get(info.id)) is not None:
                yield told

    def start(self, id: str) -> None:
        self._azure.start(*place_of(id))
        found = self._settled(id)
        if found is not None and (wrong := self._failure(found)) is not None:
            raise wrong

    def stop(self, id: str) -> None:
        self._azure.deallocate(*place_of(id))

    def terminate(self, id: str) -> None:
        was_there = self._deleted(id)
        age = time.monotonic() - self._launched_at.get(id, -math.inf)
        if not was_there and id not in self._seen and age < NEW_SECONDS:
            raise Unavailable("the machine was launched just now, and isn't known yet")

    def close(self) -> None:
        with self._lock:
            if self._opened is not None:
                self._opened.close()
            self._opened = None

    @property
    def _azure(self) -> VirtualMachines:
        with self._lock:
            if self._opened is None:
                from portable_azure.compute_client import VirtualMachines

                self._opened = VirtualMachines(self._settings)
            return self._opened

    def _launched(self, wanted: Launch, made: dict[str, Any]) -> InstanceInfo:
        try:
            info = self._described(self._azure.create(wanted.name, made))
        except AlreadyExists as error:
            return self._existing(wanted.name, error)
        self._launched_at[info.id] = time.monotonic()
        try:
            found = self._settled(info.id)
        except PortableError:
            return info  # it was taken on, whoever may look at it
        if found is None:
            return info
        if (wrong := self._failure(found)) is not None:
            self._clear(info.id)
            raise wrong
        return self._described(found)

    def _existing(self, name: str, error: AlreadyExists) -> InstanceInfo:
        """The machine that an earlier try has made."""
        id = f"{self._settings.resource_group}/{name}"
        found = self._looked(id)
        info = None if found is None else self._described(found)
        if info is None or info.state == "terminating":
            raise Unavailable(f"a machine {name!r} was there, and is being ended") from error
        if is_unmade(info):
            self._clear(id)
            raise Unavailable(f"a machine {name!r} couldn't be made, and was ended") from error
        return info

    def _settled(self, id: str) -> Any:
        """Look at a machine until it is known whether there is room, for `accept` seconds."""
        until, pause = time.monotonic() + self._settings.accept, FIRST_PAUSE
        while (found := self._looked(id)) is not None and not is_settled(found):
            left = until - time.monotonic()
            if left <= 0:
                break
            interrupt.sleep(min(pause, left))
            pause = min(pause * 1.5, LONGEST_PAUSE)
        return found

    def _failure(self, found: Any) -> PortableError | None:
        """Why a machine doesn't run that was made or started; `None` where it does, or may yet."""
        wrong = failure(found)
        if wrong is None or self._described(found).state != "stopped":
            return None
        from portable_azure.compute_errors import from_failure

        return from_failure(*wrong, self._settings)

    def _clear(self, id: str) -> None:
        """End a machine that never was, with what was made for it; its name is free then."""
        until, pause = time.monotonic() + CLEAR_SECONDS, FIRST_PAUSE
        self._deleted(id)
        while self._looked(id) is not None and time.monotonic() < until:
            interrupt.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def _looked(self, id: str) -> Any:
        """A machine as Azure tells of it; `None` where there is none."""
        try:
            found = self._azure.get(*place_of(id))
        except InstanceNotFound:
            return None
        self._launched_at.pop(id, None)
        self._seen.add(id)
        return found

    def _deleted(self, id: str) -> bool:
        """Have a machine ended; False where there is none."""
        try:
            return self._azure.delete(*place_of(id))
        except InstanceNotFound:
            return False

    def _described(self, found: Any) -> InstanceInfo:
        return described(self._settings.resource_group, found)
