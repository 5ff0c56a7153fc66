"""The server: its routes, and what tests can ask of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from portable.testing.fakes.gce import offered
from portable.testing.fakes.gce.filters import parsed
from portable.testing.fakes.gce.machine import Machine
from portable.testing.fakes.gce.operations import Operation, Operations, PlannedFailure
from portable.testing.fakes.gce.state import State
from portable.testing.fakes.gce.wording import link, not_found
from portable.testing.fakes.machines import FakeMachine, MachineHost
from portable.testing.fakes.rest import Call, Reply, RestFake
from portable.testing.fakes.timeline import Timeline
from portable.testing.fakes.wire import Request

WAIT_SECONDS = 10.0  # of one `wait`; Google's is two minutes
PAGE = 500


class FakeGce(RestFake):
    """One project's Compute Engine on a port of 127.0.0.1. A context manager.

    `RestFake.add` makes requests fail; `fail` makes operations fail.

    Attributes:
        host: Where its machines run.
        operations: Those so far; `Operations.seconds` is what the next one takes.
    """

    def __init__(self, port: int = 0, *, project: str = "testing", page: int = PAGE) -> None:
        """Listen; requests are answered from `start` on.

        Args:
            port: Any free one unless given.
            project: The only one that there is.
            page: How many things one answer lists at most.
        """
        super().__init__(port)
        self.host = MachineHost()
        self._timeline = Timeline()
        self.operations = Operations(self._timeline)
        self._state = State(project, self.host, self._timeline, self.operations)
        self._page = page
        self._routes_of(f"/compute/v1/projects/{project}")

    def start(self) -> None:
        self._timeline.start()
        super().start()

    def stop(self) -> None:
        super().stop()
        self._timeline.stop()
        self.host.close()

    @property
    def machines(self) -> list[Machine]:
        """Those that there are, in any state."""
        with self._state.lock:
            return list(self._state.machines.values())

    @property
    def disks(self) -> list[str]:
        """Those that there are."""
        return [disk for machine in self.machines for disk in machine.disks]

    def machine(self, zone: str, name: str) -> Machine:
        """One of the machines.

        Raises:
            Refused: there is none.
        """
        return self._state.machine(zone, name)

    def real(self, zone: str, name: str) -> list[FakeMachine]:
        """What runs, or ran, the boot scripts of machines of this name, deleted ones too."""
        found = [each for each in self._state.ever if (each.zone, each.name) == (zone, name)]
        return [each.real for each in found if each.real is not None]

    def fail(self, code: str, words: str = "a failure on demand", **how: Any) -> None:
        """Let operations that make or start machines fail, as `PlannedFailure` says."""
        self.operations.plan(PlannedFailure(code=code, words=words, **how))

    def hide(self, looks: int) -> None:
        """Let the first looks at the next machine not see it."""
        self._state.hides = looks

    def preempt(self, zone: str, name: str, notice: float = 0.5) -> None:
        """Take a spot machine away; its programs have *notice* seconds, which are 30 at Google."""
        self._state.preempt(self.machine(zone, name), notice)

    def crash(self, zone: str, name: str, *, deletes: bool = False) -> None:
        """Let a machine die at once; it stays, as one that is off, unless somebody deletes it."""
        self._state.crash(self.machine(zone, name), deletes=deletes)

    def advance(self, seconds: float) -> None:
        """Let time pass, for deadlines and operations; not on the machines."""
        self._timeline.advance(seconds)

    def missing(self, call: Request) -> Reply:
        path = call.path.removeprefix("/compute/v1/")
        parts = path.split("/")
        if parts[0] == "projects" and parts[1] != self._state.project:
            path = "/".join(parts[:2])  # what of it isn't there first
        return not_found(path).reply

    def _routes_of(self, project: str) -> None:
        zone = f"{project}/zones/{{zone}}"
        instance = f"{zone}/instances/{{name}}"
        for method, pattern, handler in (
            ("POST", f"{zone}/instances", self._insert),
            ("GET", f"{zone}/instances", self._list),
            ("GET", f"{project}/aggregated/instances", self._aggregated),
            ("GET", instance, self._get),
            ("DELETE", instance, self._delete),
            ("POST", f"{instance}/start", self._start),
            ("POST", f"{instance}/stop", self._stop),
            ("GET", f"{zone}/operations", self._list_operations),
            ("GET", f"{zone}/operations/{{name}}", self._operation),
            ("POST", f"{zone}/operations/{{name}}/wait", self._wait),
            ("GET", f"{zone}/machineTypes", self._machine_types),
            ("GET", f"{zone}/machineTypes/{{name}}", self._machine_type),
            ("GET", f"{zone}/acceleratorTypes", self._accelerator_types),
            ("GET", f"{project}/regions/{{region}}", self._region),
            (
                "GET",
                "/compute/v1/projects/{project}/global/images/family/{family}",
                self._image,
            ),
        ):
            self.route(method, pattern, handler)

    def _insert(self, call: Call) -> Reply:
        zone = _zone(call)
        return self._began(
            self._state.insert(zone, call.body or {}, call.query.get("requestId", ""))
        )

    def _delete(self, call: Call) -> Reply:
        return self._began(self._state.delete(_zone(call), call.names["name"]))

    def _start(self, call: Call) -> Reply:
        return self._began(self._state.start(_zone(call), call.names["name"]))

    def _stop(self, call: Call) -> Reply:
        return self._began(self._state.stop(_zone(call), call.names["name"]))

    def _began(self, operation: Operation) -> Reply:
        return Reply(operation.resource(self._state.project))

    def _get(self, call: Call) -> Reply:
        zone, name = _zone(call), call.names["name"]
        with self._state.lock:
            found = self._state.machine(zone, name)
            if found.hidden > 0:
                found.hidden -= 1
                raise not_found(self._state.path(zone, name))
            return Reply(found.resource(self._state.project))

    def _list(self, call: Call) -> Reply:
        return self._paged(call, self._resources(_zone(call)))

    def _aggregated(self, call: Call) -> Reply:
        page, following = self._chosen(call, self._resources())
        items: dict[str, Any] = {
            f"zones/{zone}": {"warning": {"code": "NO_RESULTS_ON_PAGE"}} for zone in offered.ZONES
        }
        for each in page:
            place = f"zones/{each['zone'].rpartition('/')[2]}"
            items[place] = {"instances": [*items[place].get("instances", []), each]}
        return Reply({"kind": "compute#instanceAggregatedList", "items": items, **following})

    def _resources(self, zone: str = "") -> list[dict[str, Any]]:
        with self._state.lock:
            return [
                each.resource(self._state.project)
                for each in self._state.machines.values()
                if zone in ("", each.zone) and not each.hidden
            ]

    def _list_operations(self, call: Call) -> Reply:
        found = self.operations.of(_zone(call))
        return self._paged(call, [each.resource(self._state.project) for each in found])

    def _operation(self, call: Call) -> Reply:
        zone, name = _zone(call), call.names["name"]
        found = self.operations.named(name)
        if found is None or found.zone != zone:
            raise not_found(f"projects/{self._state.project}/zones/{zone}/operations/{name}")
        return Reply(found.resource(self._state.project))

    def _wait(self, call: Call) -> Reply:
        found = self.operations.named(call.names["name"])
        if found is not None:
            found.ended.wait(WAIT_SECONDS)
        return self._operation(call)

    def _machine_types(self, call: Call) -> Reply:
        return self._paged(call, offered.machine_types(_zone(call)).values())

    def _machine_type(self, call: Call) -> Reply:
        zone, name = _zone(call), call.names["name"]
        if name not in offered.machine_types(zone):
            raise not_found(f"projects/{self._state.project}/zones/{zone}/machineTypes/{name}")
        return Reply(offered.machine_types(zone)[name])

    def _accelerator_types(self, call: Call) -> Reply:
        return self._paged(call, offered.accelerator_types(_zone(call)).values())

    def _region(self, call: Call) -> Reply:
        region = call.names["region"]
        zones = [zone for zone, of in offered.ZONES.items() if of == region]
        path = f"projects/{self._state.project}"
        if not zones:
            raise not_found(f"{path}/regions/{region}")
        links = [link(f"{path}/zones/{zone}") for zone in zones]
        return Reply({"kind": "compute#region", "name": region, "zones": links})

    def _image(self, call: Call) -> Reply:
        project, family = call.names["project"], call.names["family"]
        path = f"projects/{project}/global/images"
        if (project, family) not in offered.FAMILIES:
            raise not_found(f"{path}/family/{family}")
        name = f"{family}-v20261101"
        return Reply({"kind": "compute#image", "name": name, "selfLink": link(f"{path}/{name}")})

    def _paged(self, call: Call, found: Iterable[Mapping[str, Any]]) -> Reply:
        page, following = self._chosen(call, found)
        return Reply({"items": page, **following})

    def _chosen(
        self, call: Call, found: Iterable[Mapping[str, Any]]
    ) -> tuple[list[Mapping[str, Any]], dict[str, str]]:
        """One page of what fits the filter, and how the next one is asked for."""
        fits = parsed(call.query.get("filter", ""))
        fitting = [each for each in found if fits(each)]
        size = min(int(call.query.get("maxResults", PAGE)), self._page)
        begin = int(call.query.get("pageToken", "0"))
        more = len(fitting) > begin + size
        return fitting[begin : begin + size], {"nextPageToken": str(begin + size)} if more else {}


def _zone(call: Call) -> str:
    zone = call.names["zone"]
    if zone not in offered.ZONES:
        raise not_found(f"zones/{zone}")
    return zone
