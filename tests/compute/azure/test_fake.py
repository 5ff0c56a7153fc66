"""The fake behaves as Azure Resource Manager does to Microsoft's own client, driven by that alone."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.core.credentials import AccessToken
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.core.pipeline.policies import SansIOHTTPPolicy

from portable.compute.driver import Launch
from portable.compute.needs import Needs
from portable.testing.fakes.arm import SUBSCRIPTION, FakeArm
from portable.testing.fakes.arm.server import GROUP
from portable.testing.targets.arm import settings
from portable_azure.compute_shapes import resource

Make = Callable[..., Any]


class Nobody:
    """A credential that is never asked: its policy does nothing."""

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        raise AssertionError


@pytest.fixture
def machines(server: FakeArm) -> Iterator[Any]:
    """The SDK's own client, with its own policies and polling."""
    compute = import_module("azure.mgmt.compute")
    client = compute.ComputeManagementClient(
        Nobody(),
        SUBSCRIPTION,
        server.endpoint,
        authentication_policy=SansIOHTTPPolicy(),
        polling_interval=0.02,
    )
    yield client.virtual_machines
    client.close()


@pytest.fixture
def create(server: FakeArm, machines: Any, wanted: Callable[..., Launch]) -> Make:
    """Create a machine by the SDK; the operation that does it."""

    def make(launch: Launch | None = None, asked: Any = None, **options: Any) -> Any:
        launch = launch or wanted()
        asked = asked or resource(launch, settings(server))
        return machines.begin_create_or_update(GROUP, launch.name, asked, **options)

    return make


def codes(machines: Any, name: str) -> list[str]:
    return [each.code for each in machines.instance_view(GROUP, name).statuses]


def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_machine_passes_through_its_states(
    server: FakeArm, machines: Any, create: Make, wanted: Callable[..., Launch]
) -> None:
    server.operations.seconds = 0.2
    launch = wanted()
    made = create(launch)
    assert codes(machines, launch.name) == ["ProvisioningState/creating"]
    assert made.result().provisioning_state == "Succeeded"
    running = ["ProvisioningState/succeeded", "PowerState/running"]
    assert codes(machines, launch.name) == running
    stop = machines.begin_deallocate(GROUP, launch.name)
    assert codes(machines, launch.name)[-1] == "PowerState/deallocating"
    stop.result()
    assert codes(machines, launch.name)[-1] == "PowerState/deallocated"
    machines.begin_start(GROUP, launch.name).result()
    assert codes(machines, launch.name) == running
    end = machines.begin_delete(GROUP, launch.name)
    assert machines.get(GROUP, launch.name).provisioning_state == "Deleting"
    end.result()
    with pytest.raises(ResourceNotFoundError, match="ARMResourceNotFoundFix"):
        machines.get(GROUP, launch.name)


def test_failed_operation_raises_its_error(
    server: FakeArm, machines: Any, create: Make, wanted: Callable[..., Launch]
) -> None:
    """The machine stays, without a place, until it is deleted."""
    server.fail("AllocationFailed", "no room")
    launch = wanted()
    with pytest.raises(HttpResponseError, match="no room"):
        create(launch).result()
    assert codes(machines, launch.name) == ["ProvisioningState/failed/AllocationFailed"]
    assert not server.machine(launch.name).bills


def test_guest_that_switches_off_keeps_its_place(
    server: FakeArm, machines: Any, create: Make, wanted: Callable[..., Launch]
) -> None:
    """Which is billed, as powerOff's is."""
    launch = wanted(boot="#!/bin/sh\npoweroff\n")
    create(launch).result()
    until(lambda: codes(machines, launch.name)[-1] == "PowerState/stopped")
    assert server.machine(launch.name).bills
    machines.begin_start(GROUP, launch.name).result()
    machines.begin_power_off(GROUP, launch.name).result()
    assert codes(machines, launch.name)[-1] == "PowerState/stopped"
    machines.begin_deallocate(GROUP, launch.name).result()
    assert not server.machine(launch.name).bills


def test_custom_data_runs_at_the_first_boot_alone(
    server: FakeArm, machines: Any, create: Make, wanted: Callable[..., Launch]
) -> None:
    launch = wanted(boot="#!/bin/sh\necho x >> runs\n")
    create(launch).result()
    (real,) = server.real(launch.name)
    runs = real.folder / "runs"
    until(runs.exists)
    machines.begin_deallocate(GROUP, launch.name).result()
    machines.begin_start(GROUP, launch.name).result()
    time.sleep(0.3)
    assert real.is_on
    assert runs.read_text() == "x\n"
    assert "customData" not in str(machines.get(GROUP, launch.name).as_dict())


def test_what_is_detached_stays(
    server: FakeArm, machines: Any, create: Make, wanted: Callable[..., Launch]
) -> None:
    """Which is what Azure does unless it is told otherwise."""
    launch = wanted()
    asked = copy.deepcopy(resource(launch, settings(server)))
    del asked["properties"]["storageProfile"]["osDisk"]["deleteOption"]
    (interface,) = asked["properties"]["networkProfile"]["networkInterfaceConfigurations"]
    interface["properties"]["deleteOption"] = "Detach"
    create(launch, asked).result()
    assert len(server.parts) == 3
    machines.begin_delete(GROUP, launch.name, force_deletion=True).result()
    assert sorted(each.split("/")[-2] for each in server.parts) == ["disks", "networkInterfaces"]


def test_spot_machine_is_taken_away_as_its_policy_says(
    server: FakeArm, machines: Any, create: Make, wanted: Callable[..., Launch]
) -> None:
    one, two = wanted(Needs(spot=True)), wanted(Needs(spot=True))
    create(one).result()
    asked = resource(two, settings(server))
    del asked["properties"]["evictionPolicy"]
    create(two, asked).result()
    for each in (one, two):
        machines.simulate_eviction(GROUP, each.name)
    until(lambda: [machine.name for machine in server.machines] == [two.name])
    until(lambda: codes(machines, two.name)[-1] == "PowerState/deallocated")


def test_name_is_made_once(create: Make, wanted: Callable[..., Launch]) -> None:
    launch = wanted()
    create(launch).result()
    with pytest.raises(ResourceExistsError, match="precondition"):
        create(launch, match_condition=MatchConditions.IfMissing)
    with pytest.raises(ResourceExistsError, match="customData"):
        create(launch)


def test_listing_comes_in_pages_without_what_machines_do(machines: Any, create: Make) -> None:
    names = {create().result().name for _ in range(4)}
    found = list(machines.list(GROUP))
    assert {each.name for each in found} == names
    assert all(each.instance_view is None for each in found)
    with pytest.raises(HttpResponseError, match="filter"):
        list(machines.list(GROUP, expand="instanceView"))


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("location", "nowhere", "nowhere"),
        ("hardwareProfile.vmSize", "Standard_Z9", "VM size is not valid"),
        ("storageProfile.imageReference.sku", "none", "PlatformImageNotFound"),
        ("storageProfile.osDisk.createOption", "Empty", "createOption"),
        ("storageProfile.osDisk.managedDisk.storageAccountType", "Slow", "storageAccountType"),
        ("storageProfile.osDisk.diskSizeGB", 1, "disk size"),
        ("osProfile.customData", "eHh4" * 30000, "too long"),
        ("osProfile.customData", "no base64", "Base64"),
        ("osProfile.adminUsername", "", "osProfile"),
        ("osProfile.linuxConfiguration.ssh.publicKeys", [], "SSH"),
        ("osProfile.adminUsername", "somebody", "publicKeys"),
        ("networkProfile.networkApiVersion", "2021-01-01", "networkApiVersion"),
        ("networkProfile.networkInterfaceConfigurations", [], "interface"),
        ("priority", "Regular", "Eviction"),
    ],
)
def test_machine_that_cant_be_is_refused(
    server: FakeArm,
    create: Make,
    wanted: Callable[..., Launch],
    path: str,
    value: object,
    says: str,
) -> None:
    launch = wanted(Needs(spot=path == "priority"))
    asked = copy.deepcopy(resource(launch, settings(server)))
    place = asked if path in asked else asked["properties"]
    *way, last = path.split(".")
    for each in way:
        place = place[each]
    place[last] = value
    with pytest.raises(HttpResponseError, match=says):
        create(launch, asked)
    assert server.machines == []
    assert server.parts == []
