"""The virtual machines of one subscription, what is made with them, and what becomes of both."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

from portable.testing.fakes.arm.machine import Machine
from portable.testing.fakes.arm.operations import Failure, Operation, Operations
from portable.testing.fakes.arm.rules import check, sizes
from portable.testing.fakes.arm.wording import QUOTA, not_found, refused, resource_id
from portable.testing.fakes.machines import Boot, MachineHost

Place = tuple[str, str]  # a group and a name


class State:
    """Everything there is.

    Attributes:
        subnets: The ids of those that there are.
        parts: The interfaces, addresses and disks that there are, by id; each with whether it is
            deleted with its machine.
        cores: How many processors there may be.
        grace: Seconds from asking a machine to shut down to its end.
        hides: How many looks don't see the next machine.
        ever: Every machine so far, deleted ones too.
    """

    def __init__(self, host: MachineHost, operations: Operations) -> None:
        self.lock = threading.RLock()
        self.subnets: frozenset[str] = frozenset()
        self.machines: dict[Place, Machine] = {}
        self.parts: dict[str, bool] = {}
        self.ever: list[Machine] = []
        self.cores = 1000
        self.grace = 0.5
        self.hides = 0
        self._host = host
        self._operations = operations

    def machine(self, group: str, name: str) -> Machine:
        """One that there is; this is a look."""
        with self.lock:
            found = self.machines.get((group, name))
            if found is None or found.hidden > 0:
                if found is not None:
                    found.hidden -= 1
                raise not_found(group, name)
            return found

    def create(
        self, group: str, name: str, asked: Mapping[str, Any], *, only_new: bool
    ) -> tuple[Machine, Operation]:
        """Make one, and what belongs to it; it has a place a little later."""
        with self.lock:
            if (there := self.machines.get((group, name))) is not None:
                raise _taken(there, only_new=only_new)
            check(name, asked, self.subnets)
            self._check_quota(asked)
            made = Machine(group, name, asked, time.time(), hidden=self.hides)
            self.hides = 0
            self._make_parts(made)
            self.machines[group, name] = made
            self.ever.append(made)
        return made, self._operations.begin(lambda wrong: self._settle(made, wrong), fails=True)

    def start(self, found: Machine) -> Operation:
        """Give a machine a place again, and switch it on."""
        with self.lock:
            is_off = found.power in ("stopped", "deallocated", "")
            before, found.provisioning = found.power, "Updating"
            found.power = "starting" if is_off else found.power

        def finish(wrong: Failure | None) -> None:
            if is_off and wrong is not None:
                found.power = before
            self._settle(found, wrong, switches=is_off)

        return self._operations.begin(finish, fails=True)

    def deallocate(self, found: Machine) -> Operation:
        """Switch a machine off, and take its place away."""
        with self.lock:
            found.provisioning, found.power = "Updating", "deallocating"
        if found.real is not None and found.real.is_on:
            found.real.shut_down(self.grace)
        return self._operations.begin(lambda _: self._is_deallocated(found))

    def power_off(self, found: Machine) -> Operation:
        """Switch a machine off; its place is kept, and costs."""
        if found.real is not None:
            found.real.kill()
        found.power = "stopped"
        return self._operations.begin(lambda _: None)

    def delete(self, found: Machine) -> Operation:
        """End one, and what says that it ends with it."""
        with self.lock:
            found.provisioning = "Deleting"
        if found.real is not None:
            found.real.kill()
        return self._operations.begin(lambda _: self._remove(found))

    def evict(self, found: Machine, notice: float) -> None:
        """Take a spot machine away; its programs have *notice* seconds."""
        deletes = found.properties.get("evictionPolicy", "Deallocate") == "Delete"
        real = found.real

        def end() -> None:
            if real is not None and not real.wait_off(notice + 5):
                real.kill()
            if deletes:
                self.delete(found)
            else:
                self._is_deallocated(found)

        if real is not None:
            real.shut_down(notice)
        threading.Thread(target=end, daemon=True).start()

    def _settle(self, found: Machine, wrong: Failure | None, *, switches: bool = True) -> None:
        """End a creation or a start."""
        with self.lock:
            if found.provisioning == "Deleting":
                return
            if wrong is not None:
                found.provisioning, found.failure = "Failed", wrong
                return
            found.provisioning = "Succeeded"
            if not switches:
                return
            found.power = "running"
            if found.real is None:
                found.real = self._host.start(found.script, lambda _: self._is_off(found))
            else:
                # What is in the custom data is for the first boot alone.
                found.real.switch_on(Boot(runs=False))

    def _is_off(self, found: Machine) -> None:
        """It has switched itself off: it keeps its place, which costs."""
        with self.lock:
            if found.power == "running":
                found.power = "stopped"

    def _is_deallocated(self, found: Machine) -> None:
        if found.real is not None:
            found.real.kill()
        with self.lock:
            if found.provisioning != "Deleting":
                found.provisioning, found.power = "Succeeded", "deallocated"

    def _remove(self, found: Machine) -> None:
        with self.lock:
            if self.machines.get((found.group, found.name)) is found:
                del self.machines[found.group, found.name]
            for id in found.parts.values():
                if self.parts.get(id):
                    del self.parts[id]

    def _make_parts(self, made: Machine) -> None:
        """Its disk, interface and address; Azure adds to the names of some."""
        more = uuid.uuid4().hex[:8]
        disk = made.properties["storageProfile"]["osDisk"]
        named = disk.get("name") or f"{made.name}_OsDisk_1_{more}"
        self._part(made, "disk", "Microsoft.Compute/disks", named, disk)
        (interface,) = made.properties["networkProfile"]["networkInterfaceConfigurations"]
        properties = interface["properties"]
        named = f"{interface['name']}-{more}"
        self._part(made, "nic", "Microsoft.Network/networkInterfaces", named, properties)
        for each in properties["ipConfigurations"]:
            address = each["properties"].get("publicIPAddressConfiguration")
            if address is not None:
                named = f"{address['name']}-{more}"
                kind = "Microsoft.Network/publicIPAddresses"
                self._part(made, "address", kind, named, address.get("properties", {}))

    def _part(
        self, made: Machine, role: str, kind: str, name: str, asked: Mapping[str, Any]
    ) -> None:
        provider, _, plural = kind.partition("/")
        made.parts[role] = resource_id(made.group, provider, plural, name)
        self.parts[made.parts[role]] = asked.get("deleteOption", "Detach") == "Delete"

    def _check_quota(self, asked: Mapping[str, Any]) -> None:
        used = [each.asked for each in self.machines.values() if each.power != "deallocated"]
        if sum(map(_cores, [*used, asked])) > self.cores:
            raise refused(409, "OperationNotAllowed", QUOTA)


def _cores(asked: Mapping[str, Any]) -> int:
    return sizes(asked["location"])[asked["properties"]["hardwareProfile"]["vmSize"]]


def _taken(there: Machine, *, only_new: bool) -> Exception:
    if there.provisioning == "Deleting":
        return refused(409, "Conflict", f"Virtual machine {there.name} is being deleted.")
    if only_new:
        return refused(412, "PreconditionFailed", "The precondition given was not satisfied.")
    words = "Changing property 'osProfile.customData' is not allowed."
    return refused(409, "PropertyChangeNotAllowed", words)
