"""The fake behaves as Compute Engine does to Google's own client, driven by that alone."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import BadRequest, Conflict, Forbidden, NotFound
from google.auth.credentials import AnonymousCredentials

from portable.compute.driver import Launch
from portable.testing.fakes.gce import FakeGce
from portable.testing.targets.gce import ZONE
from portable_gcp.compute_settings import GceSettings
from portable_gcp.compute_shapes import resource

Ask = Callable[..., Any]
Make = Callable[..., Any]


@pytest.fixture
def client(server: FakeGce) -> Iterator[Callable[[str], Any]]:
    """One of Google's clients by name."""
    compute_v1 = import_module("google.cloud.compute_v1")
    options = ClientOptions(api_endpoint=server.endpoint)
    made: dict[str, Any] = {}

    def of(name: str) -> Any:
        if name not in made:
            kind = getattr(compute_v1, f"{name}Client")
            made[name] = kind(
                credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
                client_options=options,
            )
        return made[name]

    yield of
    for each in made.values():
        each.transport.close()


@pytest.fixture
def insert(client: Callable[[str], Any], wanted: Callable[..., Launch]) -> Make:
    """Insert a machine by the SDK."""

    def make(launch: Launch | None = None, request_id: str = "", **changes: Any) -> Any:
        asked = resource(launch or wanted(), ZONE, GceSettings(project="testing", zone=ZONE))
        return client("Instances").insert_unary(
            request={
                "project": "testing",
                "zone": ZONE,
                "instance_resource": asked | changes,
                "request_id": request_id,
            },
            retry=None,
        )

    return make


@pytest.fixture
def at() -> dict[str, str]:
    return {"project": "testing", "zone": ZONE}


def test_operation_runs_first_and_is_waited_for(
    client: Callable[[str], Any], insert: Make, at: dict[str, str]
) -> None:
    operation = insert()
    assert operation.status.name == "RUNNING"
    assert operation.operation_type == "insert"
    done = client("ZoneOperations").wait(operation=operation.name, **at)
    assert done.status.name == "DONE"
    assert client("ZoneOperations").get(operation=operation.name, **at).progress == 100


def test_machine_passes_through_its_states(
    server: FakeGce,
    client: Callable[[str], Any],
    insert: Make,
    at: dict[str, str],
    wanted: Callable[..., Launch],
) -> None:
    server.operations.seconds = 0.2
    launch = wanted()
    operation = insert(launch)
    instances = client("Instances")
    assert instances.get(instance=launch.name, **at).status == "PROVISIONING"
    client("ZoneOperations").wait(operation=operation.name, **at)
    assert instances.get(instance=launch.name, **at).status == "RUNNING"
    stopped = instances.stop_unary(instance=launch.name, **at)
    assert instances.get(instance=launch.name, **at).status in ("STOPPING", "TERMINATED")
    client("ZoneOperations").wait(operation=stopped.name, **at)
    assert instances.get(instance=launch.name, **at).status == "TERMINATED"
    gone = instances.delete_unary(instance=launch.name, **at)
    client("ZoneOperations").wait(operation=gone.name, **at)
    with pytest.raises(NotFound, match=f"instances/{launch.name}' was not found"):
        instances.get(instance=launch.name, **at)


def test_request_that_comes_again_is_the_same_operation(insert: Make, server: FakeGce) -> None:
    """Also where it has failed, and where another machine is asked for."""
    server.fail("QUOTA_EXCEEDED")
    request = str(uuid.uuid4())
    first = insert(request_id=request)
    (operation,) = server.operations.of(ZONE)
    operation.ended.wait(5)
    again = insert(request_id=request)
    assert again.name == first.name
    assert [each.code for each in again.error.errors] == ["QUOTA_EXCEEDED"]
    assert again.http_error_status_code == 403
    assert insert(request_id=str(uuid.uuid4())).name != first.name


def test_name_that_is_taken_is_a_conflict(insert: Make, wanted: Callable[..., Launch]) -> None:
    launch = wanted()
    insert(launch)
    with pytest.raises(Conflict, match="already exists"):
        insert(launch)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Upper"},
        {"labels": {"Upper": "x"}},
        {"labels": {"x": "é"}},
        {"machine_type": f"zones/{ZONE}/machineTypes/n1-standard-99"},
        {"scheduling": {"provisioning_model": "SPOT", "automatic_restart": True}},
        {"scheduling": {"provisioning_model": "SPOT", "on_host_maintenance": "MIGRATE"}},
        {"scheduling": {"instance_termination_action": "DELETE"}},
        {"scheduling": {"max_run_duration": {"seconds": 60}}},
        {
            "scheduling": {
                "provisioning_model": "STANDARD",
                "instance_termination_action": "DELETE",
                "max_run_duration": {"seconds": 29},
            }
        },
        {
            "machine_type": f"zones/{ZONE}/machineTypes/n1-standard-8",
            "guest_accelerators": [
                {
                    "accelerator_type": f"zones/{ZONE}/acceleratorTypes/nvidia-tesla-t4",
                    "accelerator_count": 1,
                }
            ],
        },
        {"metadata": {"items": [{"key": "startup-script", "value": "x" * (256 * 1024 + 1)}]}},
        {"network_interfaces": []},
        {"disks": []},
    ],
)
def test_machine_that_cant_be_is_refused(
    insert: Make, server: FakeGce, changes: dict[str, Any]
) -> None:
    with pytest.raises(BadRequest):
        insert(**changes)
    assert server.machines == []


def test_image_that_there_isnt_is_refused(insert: Make) -> None:
    disk = {"source_image": "projects/ubuntu-os-cloud/global/images/family/ubuntu-1-lts"}
    with pytest.raises(NotFound, match="ubuntu-1-lts"):
        insert(disks=[{"boot": True, "initialize_params": disk}])


def test_types_and_images_are_told(client: Callable[[str], Any], at: dict[str, str]) -> None:
    one = client("MachineTypes").get(machine_type="n1-standard-4", **at)
    assert (one.guest_cpus, one.memory_mb) == (4, 15 * 1024)
    names = {each.name for each in client("MachineTypes").list(**at)}
    assert "n1-standard-4" in names
    assert "a2-highgpu-1g" not in names
    image = client("Images").get_from_family(
        project="ubuntu-os-cloud", family="ubuntu-2404-lts-amd64"
    )
    assert image.name.startswith("ubuntu-2404-lts-amd64")
    with pytest.raises(NotFound):
        client("Images").get_from_family(project="ubuntu-os-cloud", family="ubuntu-1")


def test_listings_come_in_pages_and_by_labels(
    client: Callable[[str], Any], insert: Make, wanted: Callable[..., Launch], at: dict[str, str]
) -> None:
    for n in range(5):
        insert(wanted(tags={"part": str(n % 2), "all": "1"}))
    instances = client("Instances")
    request = {"project": "testing", "filter": '(labels.all = "1") labels.part=1', "max_results": 1}
    pages = instances.aggregated_list(request=request)
    assert sum(len(scoped.instances) for _, scoped in pages) == 2
    listed = instances.list(request={**at, "filter": 'labels.part = "0"', "max_results": 2})
    assert len(list(listed)) == 3
    with pytest.raises(BadRequest, match="filter"):
        instances.aggregated_list(request={"project": "testing", "filter": "labels.all >"})


def test_preempted_machine_leaves_word(
    server: FakeGce,
    client: Callable[[str], Any],
    insert: Make,
    at: dict[str, str],
    wanted: Callable[..., Launch],
) -> None:
    """An operation that Compute Engine began by itself."""
    from portable.compute.needs import Needs

    launch = wanted(Needs(spot=True))
    client("ZoneOperations").wait(operation=insert(launch).name, **at)
    server.preempt(ZONE, launch.name, 0.1)
    end = time.monotonic() + 30
    while server.machines and time.monotonic() < end:
        time.sleep(0.02)
    assert server.machines == []
    request = {**at, "filter": 'operationType = "compute.instances.preempted"'}
    (word,) = client("ZoneOperations").list(request=request)
    assert word.target_link.endswith(f"/{launch.name}")


def test_fault_of_a_request_reaches_the_client(server: FakeGce, insert: Make) -> None:
    from portable.testing.fakes.rest import RestFault
    from portable.testing.targets.gce import error

    server.add(RestFault(reply=error("forbidden", 403, "no")))
    with pytest.raises(Forbidden):
        insert()
