"""The machines of one project, and what becomes of them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from typing import Any

from portable.testing.fakes.gce.machine import OFF, Machine
from portable.testing.fakes.gce.operations import Operation, Operations
from portable.testing.fakes.gce.rules import check
from portable.testing.fakes.gce.wording import not_found, refused
from portable.testing.fakes.machines import FakeMachine, MachineHost
from portable.testing.fakes.timeline import Timeline

PREEMPTED = "compute.instances.preempted"


class State:
    """Everything there is.

    Attributes:
        grace: Seconds from asking a machine to shut down to its end; Google's are 90.
        hides: How many looks don't see the next machine.
        ever: Every machine so far, deleted ones too.
    """

    def __init__(
        self, project: str, host: MachineHost, timeline: Timeline, operations: Operations
    ) -> None:
        self.grace = 0.5
        self.hides = 0
        self.project = project
        self.lock = threading.RLock()
        self.machines: dict[tuple[str, str], Machine] = {}
        self.ever: list[Machine] = []
        self._host = host
        self._timeline = timeline
        self._operations = operations
        self._number = itertools.count(1)

    def path(self, zone: str, name: str) -> str:
        """A machine's full name."""
        return f"projects/{self.project}/zones/{zone}/instances/{name}"

    def machine(self, zone: str, name: str) -> Machine:
        """One that there is."""
        with self.lock:
            if (zone, name) not in self.machines:
                raise not_found(self.path(zone, name))
            return self.machines[zone, name]

    def insert(self, zone: str, asked: Mapping[str, Any], request: str) -> Operation:
        """Make a machine, once for each id of a request."""
        with self.lock:
            if (before := self._operations.requested(request)) is not None:
                return before
            check(zone, asked)
            name = asked["name"]
            if (zone, name) in self.machines:
                words = f"The resource '{self.path(zone, name)}' already exists"
                raise refused(409, "alreadyExists", words)
            number = next(self._number)
            made = Machine(
                id=str(10**18 + number),
                zone=zone,
                asked=asked,
                born=self._timeline.now(),
                number=number,
                hidden=self.hides,
                disks=[name],
            )
            self.hides = 0
            self.machines[zone, name] = made
            self.ever.append(made)
        return self._operations.begin(
            zone,
            "insert",
            name,
            made.id,
            lambda succeeds: self._switch_on(made) if succeeds else self._remove(made),
            request=request,
        )

    def start(self, zone: str, name: str) -> Operation:
        """Switch a machine on that is off."""
        found = self.machine(zone, name)
        with self.lock:
            is_off = found.status in OFF
            if is_off:
                found.status = "STAGING"

        def finish(succeeds: bool) -> None:
            if is_off and succeeds:
                self._switch_on(found)
            elif is_off:
                found.status = "TERMINATED"

        return self._operations.begin(zone, "start", name, found.id, finish)

    def stop(self, zone: str, name: str) -> Operation:
        """Switch a machine off; it can be started again."""
        found = self.machine(zone, name)
        operation = self._operations.begin(zone, "stop", name, found.id, seconds=float("inf"))
        self._end(found, operation, self.grace, deletes=False)
        return operation

    def delete(self, zone: str, name: str) -> Operation:
        """End a machine, and its disks."""
        found = self.machine(zone, name)
        operation = self._operations.begin(zone, "delete", name, found.id, seconds=float("inf"))
        self._end(found, operation, self.grace, deletes=True)
        return operation

    def preempt(self, found: Machine, notice: float) -> None:
        """Take a spot machine away; its programs have *notice* seconds."""
        operation = self._operations.begin(
            found.zone, PREEMPTED, found.name, found.id, seconds=float("inf")
        )
        self._end(found, operation, notice, deletes=found.dies_deleted)

    def crash(self, found: Machine, *, deletes: bool) -> None:
        """Let a machine die at once."""
        with self.lock:
            found.is_deleted = found.is_deleted or deletes
        if deletes:
            self._operations.begin(found.zone, "delete", found.name, found.id)
        if found.real is not None:
            found.real.kill()
        self._is_off(found)

    def _switch_on(self, found: Machine) -> None:
        with self.lock:
            if found.is_deleted:
                return
            found.run += 1
            found.status = "RUNNING"
            run, limit = found.run, found.scheduling.get("maxRunDuration")
        if found.real is None:
            script = found.metadata("startup-script") or "#!/bin/sh\n"
            found.real = self._host.start(script, lambda _: self._is_off(found))
        else:
            found.real.switch_on()
        if limit is not None:
            self._timeline.after(float(limit["seconds"]), lambda: self._expire(found, run))
        if found.is_deleted:  # meanwhile
            found.real.kill()

    def _expire(self, found: Machine, run: int) -> None:
        if found.run == run and found.status == "RUNNING":
            operation = self._operations.begin(
                found.zone, "delete", found.name, found.id, seconds=float("inf")
            )
            self._end(found, operation, self.grace, deletes=found.dies_deleted)

    def _end(self, found: Machine, operation: Operation, grace: float, *, deletes: bool) -> None:
        """Begin to shut down; the operation is done when the machine is off."""
        with self.lock:
            found.is_deleted = found.is_deleted or deletes
            found.status = found.status if found.status in OFF and not deletes else "STOPPING"
        real = found.real
        if real is not None and real.is_on:
            real.shut_down(grace)
        threading.Thread(
            target=self._wait_off, args=(found, real, operation, grace), daemon=True
        ).start()

    def _wait_off(
        self, found: Machine, real: FakeMachine | None, operation: Operation, grace: float
    ) -> None:
        if real is not None and not real.wait_off(grace + 5):
            real.kill()
        self._is_off(found)
        self._operations.end(operation)

    def _is_off(self, found: Machine) -> None:
        with self.lock:
            if found.is_deleted:
                self._remove(found)
            else:
                found.status = "TERMINATED"

    def _remove(self, found: Machine) -> None:
        with self.lock:
            if self.machines.get((found.zone, found.name)) is found:
                del self.machines[found.zone, found.name]
