"""The server: its routes, and what tests can ask of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from portable.testing.fakes.arm.machine import Machine
from portable.testing.fakes.arm.operations import Operation, Operations
from portable.testing.fakes.arm.state import State
from portable.testing.fakes.arm.wording import NO_ROOM, SUBSCRIPTION, refused, resource_id
from portable.testing.fakes.machines import FakeMachine, MachineHost
from portable.testing.fakes.rest import Call, Reply, RestFake
from portable.testing.fakes.wire import Request

GROUP = "testing"
SUBNET = "portable/machines"
PAGE = 50
COMPUTE = "/providers/Microsoft.Compute"
OPERATIONS = f"/subscriptions/{{subscription}}{COMPUTE}/locations/{{location}}/operations"


class FakeArm(RestFake):
    """One subscription's virtual machines on a port of 127.0.0.1. A context manager.

    `RestFake.add` makes requests fail; `fail` makes operations fail.

    Attributes:
        host: Where its machines run.
        operations: Those so far; `Operations.seconds` is what the next one takes.
        state: Everything there is.
    """

    def __init__(
        self, port: int = 0, *, group: str = GROUP, subnet: str = SUBNET, page: int = PAGE
    ) -> None:
        """Listen; requests are answered from `start` on.

        Args:
            port: Any free one unless given.
            group: The only resource group that there is.
            subnet: The only subnet in it, as ``NETWORK/SUBNET``.
            page: How many things one answer lists at most.
        """
        super().__init__(port)
        self.host = MachineHost()
        self.operations = Operations()
        self.state = State(self.host, self.operations)
        network, _, name = subnet.partition("/")
        base = resource_id(group, "Microsoft.Network", "virtualNetworks", network)
        self.state.subnets = frozenset({f"{base}/subnets/{name}"})
        self._group = group
        self._page = page
        self._make_routes()

    def stop(self) -> None:
        super().stop()
        self.host.close()

    def clear(self) -> None:
        super().clear()
        self.operations.clear()

    @property
    def machines(self) -> list[Machine]:
        """Those that there are, in any state."""
        with self.state.lock:
            return list(self.state.machines.values())

    @property
    def parts(self) -> list[str]:
        """The interfaces, addresses and disks that there are."""
        with self.state.lock:
            return sorted(self.state.parts)

    def machine(self, name: str) -> Machine:
        """The newest one of this name, deleted ones too."""
        return [each for each in self.state.ever if each.name == name][-1]

    def real(self, name: str) -> list[FakeMachine]:
        """What runs, or ran, the boot scripts of machines of this name."""
        found = [each.real for each in self.state.ever if each.name == name]
        return [each for each in found if each is not None]

    def fail(self, code: str = "AllocationFailed", words: str = NO_ROOM, times: int = 1) -> None:
        """Let operations that make or start machines fail."""
        self.operations.plan(code, words, times)

    def evict(self, name: str, notice: float = 0.5) -> None:
        """Take a spot machine away; its programs have *notice* seconds, at least 30 at Azure."""
        self.state.evict(self.machine(name), notice)

    def remove(self, name: str) -> None:
        """Let somebody else delete a machine."""
        self.state.delete(self.machine(name))

    def missing(self, call: Request) -> Reply:
        words = f"No HTTP resource was found that matches the request URI '{call.path}'."
        return refused(404, "InvalidResourceType", words).reply

    def _make_routes(self) -> None:
        group = "/subscriptions/{subscription}/resourceGroups/{group}"
        all_machines = f"{group}{COMPUTE}/virtualMachines"
        machine = f"{all_machines}/{{name}}"
        for method, pattern, handler in (
            ("GET", all_machines, self._list),
            ("PUT", machine, self._create),
            ("GET", machine, self._get),
            ("DELETE", machine, self._delete),
            ("GET", f"{machine}/instanceView", self._view),
            ("POST", f"{machine}/start", self._act(self.state.start)),
            ("POST", f"{machine}/deallocate", self._act(self.state.deallocate)),
            ("POST", f"{machine}/powerOff", self._act(self.state.power_off)),
            ("POST", f"{machine}/simulateEviction", self._simulate),
            ("GET", f"{group}{COMPUTE}/disks", self._parts("disks")),
            (
                "GET",
                f"{group}/providers/Microsoft.Network/{{kind}}",
                lambda call: self._parts(call.names["kind"])(call),
            ),
            (
                "GET",
                f"{group}/providers/Microsoft.Network/{{kind}}/{{name}}",
                self._network_part,
            ),
            ("GET", f"{OPERATIONS}/{{id}}", self._operation),
        ):
            self.route(method, pattern, handler)

    def _create(self, call: Call) -> Reply:
        group, name = self._place(call)
        only_new = call.request.headers.get("if-none-match") == "*"
        made, operation = self.state.create(group, name, call.body or {}, only_new=only_new)
        return self._begun(operation, call, made.resource(with_view=False), 201)

    def _get(self, call: Call) -> Reply:
        with_view = call.query.get("$expand", "").lower() == "instanceview"
        return Reply(self._machine(call).resource(with_view=with_view))

    def _view(self, call: Call) -> Reply:
        return Reply(self._machine(call).view())

    def _list(self, call: Call) -> Reply:
        group, _ = self._place(call)
        if "$expand" in call.query and "$filter" not in call.query:
            raise refused(400, "BadRequest", "$expand needs a $filter in a listing.")
        with self.state.lock:
            there = [each for each in self.state.machines.values() if each.group == group]
            found = [each.resource(with_view=False) for each in there if not each.hidden]
        return self._paged(call, found)

    def _delete(self, call: Call) -> Reply:
        group, name = self._place(call)
        with self.state.lock:
            found = self.state.machines.get((group, name))
            if found is None or found.hidden > 0:
                if found is not None:
                    found.hidden -= 1
                return Reply(status=204)
        return self._begun(self.state.delete(found), call)

    def _act(self, action: Callable[[Machine], Operation]) -> Callable[[Call], Reply]:
        return lambda call: self._begun(action(self._machine(call)), call)

    def _simulate(self, call: Call) -> Reply:
        found = self._machine(call)
        if not found.is_spot:
            raise refused(409, "OperationNotAllowed", "It isn't an Azure Spot Virtual Machine.")
        self.state.evict(found, 0.1)
        return Reply(status=204)

    def _operation(self, call: Call) -> Reply:
        self._check(call)
        found = self.operations.named(call.names["id"])
        if found is None:
            raise refused(404, "NotFound", "There is no such operation.")
        return Reply(found.resource(), headers={"Retry-After": "0"})

    def _parts(self, kind: str) -> Callable[[Call], Reply]:
        def answer(call: Call) -> Reply:
            self._place(call)
            mine = [each for each in self.parts if f"/{kind}/" in each]
            return self._paged(
                call, [{"id": each, "name": each.rpartition("/")[2]} for each in mine]
            )

        return answer

    def _network_part(self, call: Call) -> Reply:
        """An interface, which knows its address, or an address."""
        self._place(call)
        id = call.request.path
        for number, each in enumerate(self.state.ever, start=1):
            if id in each.parts.values() and id in self.parts:
                told: dict[str, Any] = {"ipAddress": f"203.0.113.{number % 250 + 2}"}
                if id == each.parts["nic"]:
                    public = each.parts.get("address")
                    known = {"publicIPAddress": {"id": public}} if public else {}
                    told = {"ipConfigurations": [{"name": "ipconfig", "properties": known}]}
                return Reply({"id": id, "name": call.names["name"], "properties": told})
        raise refused(404, "ResourceNotFound", f"The Resource '{id}' was not found.")

    def _machine(self, call: Call) -> Machine:
        return self.state.machine(*self._place(call))

    def _place(self, call: Call) -> tuple[str, str]:
        self._check(call)
        group = call.names["group"]
        if group.lower() != self._group.lower():
            words = f"Resource group '{group}' could not be found."
            raise refused(404, "ResourceGroupNotFound", words)
        return self._group, call.names.get("name", "")

    def _check(self, call: Call) -> None:
        if "api-version" not in call.query:
            raise refused(400, "MissingApiVersionParameter", "The api-version is required.")
        if call.names["subscription"] != SUBSCRIPTION:
            words = f"The subscription '{call.names['subscription']}' could not be found."
            raise refused(404, "SubscriptionNotFound", words)

    def _begun(
        self, operation: Operation, call: Call, body: Any = None, status: int = 202
    ) -> Reply:
        path = OPERATIONS.format(subscription=call.names["subscription"], location="eastus")
        url = f"{self.endpoint}{path}/{operation.id}?api-version={call.query['api-version']}"
        return Reply(body, status, {"Azure-AsyncOperation": url, "Retry-After": "0"})

    def _paged(self, call: Call, found: Sequence[Mapping[str, Any]]) -> Reply:
        begin = int(call.query.get("$skiptoken", "0"))
        body: dict[str, Any] = {"value": found[begin : begin + self._page]}
        if len(found) > begin + self._page:
            url = f"{self.endpoint}{call.request.path}?api-version={call.query['api-version']}"
            body["nextLink"] = f"{url}&$skiptoken={begin + self._page}"
        return Reply(body)
