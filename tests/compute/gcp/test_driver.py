"""What is Compute Engine's own: zones, operations, states and errors."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from portable.compute.driver import ComputeDriver, Launch
from portable.compute.needs import Needs
from portable.errors import (
    EndpointRefused,
    InstanceNotFound,
    InvalidArgument,
    NoCapacity,
    PermissionDenied,
    PortableError,
    QuotaExceeded,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from portable.retry import Retry
from portable.testing.fakes.gce import FakeGce
from portable.testing.fakes.gcs import FakeGcs
from portable.testing.fakes.rest import Reply, RestFault
from portable.testing.targets.gce import ZONE, connect, error

Wanted = Callable[..., Launch]
EXHAUSTED = "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS"


def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_gone(driver: ComputeDriver, id: str) -> bool:
    told = driver.get(id)
    return told is None or told.state == "terminated"


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("QUOTA_EXCEEDED", 403, QuotaExceeded),
        ("ZONE_RESOURCE_POOL_EXHAUSTED", 503, NoCapacity),
        (EXHAUSTED, 503, NoCapacity),
        ("RESOURCE_OPERATION_RATE_EXCEEDED", 403, Throttled),
        ("RESOURCE_NOT_READY", 400, Unavailable),
        ("PERMISSIONS_ERROR", 403, PermissionDenied),
        ("INVALID_USAGE", 400, InvalidArgument),
        ("INTERNAL_ERROR", 500, Unavailable),
    ],
)
def test_failed_operation_is_an_error_of_the_launch(
    server: FakeGce,
    driver: ComputeDriver,
    wanted: Wanted,
    code: str,
    status: int,
    kind: type[PortableError],
) -> None:
    """The class that a request's failure would be; no machine stays."""
    server.fail(code, "so it is", status=status)
    with pytest.raises(PortableError, match="so it is") as caught:
        driver.launch(wanted())
    assert type(caught.value) is kind
    assert not caught.value.ambiguous
    assert server.machines == []


@pytest.mark.parametrize(
    ("reason", "status", "kind"),
    [
        ("quotaExceeded", 403, QuotaExceeded),
        ("rateLimitExceeded", 403, Throttled),
        ("userRateLimitExceeded", 429, Throttled),
        ("resourceNotReady", 400, Unavailable),
        ("accessNotConfigured", 403, PermissionDenied),
        ("invalid", 400, InvalidArgument),
        ("backendError", 503, Unavailable),
        ("ZONE_RESOURCE_POOL_EXHAUSTED", 503, NoCapacity),
        ("unheardOf", 418, PortableError),
    ],
)
def test_refused_request_is_an_error_by_its_reason(
    server: FakeGce,
    driver: ComputeDriver,
    wanted: Wanted,
    reason: str,
    status: int,
    kind: type[PortableError],
) -> None:
    server.add(RestFault(method="POST", reply=error(reason, status, "so it is")))
    with pytest.raises(PortableError, match="so it is") as caught:
        driver.launch(wanted())
    assert type(caught.value) is kind
    assert caught.value.ambiguous is (reason == "backendError")


def test_what_failed_is_asked_for_anew_under_another_id(
    server: FakeGce, driver: ComputeDriver, wanted: Wanted
) -> None:
    """Else the core's retries would be answered with the first failure, again and again."""
    server.fail("RESOURCE_OPERATION_RATE_EXCEEDED", times=3)
    launch = wanted()
    retry = Retry(attempts=6, deadline=60.0)
    info = retry.call(lambda: driver.launch(launch))
    assert info.state == "running"
    assert [machine.name for machine in server.machines] == [launch.name]
    assert driver.launch(launch).id == info.id
    assert len(server.machines) == 1


def test_operation_that_takes_long_isnt_waited_for(server: FakeGce, wanted: Wanted) -> None:
    """The machine is pending; what fails later has ended, and says why."""
    server.operations.seconds = math.inf
    server.fail("QUOTA_EXCEEDED")
    driver = connect(server, accept=0.1)
    info = driver.launch(wanted())
    assert (info.state, info.bills) == ("pending", True)
    told = driver.get(info.id)
    assert told is not None
    assert told.raw_state == "PROVISIONING"
    (operation,) = server.operations.of(ZONE)
    server.operations.end(operation)
    told = driver.get(info.id)
    assert told is not None
    assert (told.state, told.raw_state, told.bills) == ("terminated", "QUOTA_EXCEEDED", False)
    driver.close()


def test_zones_of_a_region_are_tried_in_turn(server: FakeGce, wanted: Wanted) -> None:
    server.fail(EXHAUSTED, status=503, zone="us-east1-b")
    server.fail(EXHAUSTED, status=503, zone="us-east1-c")
    driver = connect(server, region="us-east1")
    launch = wanted()
    info = driver.launch(launch)
    assert info.zone == "us-east1-d"
    assert driver.capabilities.region == "us-east1"
    assert driver.launch(launch).id == info.id  # by its name: us-east1-b has room again
    assert [machine.zone for machine in server.machines] == ["us-east1-d"]
    driver.close()


def test_region_without_room_names_its_zones(server: FakeGce, wanted: Wanted) -> None:
    server.fail(EXHAUSTED, "no n1-standard-4", status=503, times=3)
    driver = connect(server, region="us-east1")
    with pytest.raises(NoCapacity, match="'us-east1-b', 'us-east1-c', 'us-east1-d': no n1"):
        driver.launch(wanted())
    driver.close()


def test_quota_ends_the_turn(server: FakeGce, wanted: Wanted) -> None:
    """It is the region's: other zones wouldn't have it."""
    server.fail("QUOTA_EXCEEDED", zone="us-east1-b")
    driver = connect(server, region="us-east1")
    with pytest.raises(QuotaExceeded):
        driver.launch(wanted())
    driver.close()


def test_type_that_the_zone_hasnt_is_refused_with_those_it_has(
    driver: ComputeDriver, wanted: Wanted
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        driver.launch(wanted(machine="n1-standard-9"))
    text = str(caught.value)
    assert "n1-standard-9" in text
    assert "did you mean 'n1-standard-" in text
    assert "types in 'us-east1-b': " in text
    assert "'n1-standard-8'" in text
    assert "e2-small" not in text
    with pytest.raises(InvalidArgument, match="series in 'us-east1-b': 'c2', 'c3', 'e2'"):
        driver.launch(wanted(machine="a2-highgpu-1g"))


def test_accelerator_that_the_zone_hasnt_is_refused_with_those_it_has(
    driver: ComputeDriver, wanted: Wanted
) -> None:
    needs = Needs(gpus=1)
    with pytest.raises(InvalidArgument, match=r"types in .*: .*'nvidia-tesla-t4'") as caught:
        driver.launch(wanted(needs, machine="n1-standard-8", accelerator="nvidia-tesla-k80"))
    assert "nvidia-tesla-k80" in str(caught.value)


def test_machine_with_accelerators_is_taken(
    server: FakeGce, driver: ComputeDriver, wanted: Wanted
) -> None:
    needs = Needs(gpus=2, gpu="V100")
    driver.launch(wanted(needs, machine="n1-standard-8", accelerator="nvidia-tesla-v100"))
    (machine,) = server.machines
    assert machine.asked["guestAccelerators"][0]["acceleratorCount"] == 2


def test_address_is_told_once_the_machine_is_up(driver: ComputeDriver, wanted: Wanted) -> None:
    told = driver.get(driver.launch(wanted()).id)
    assert told is not None
    assert told.address.startswith("203.0.113.")


def test_policy_against_addresses_says_what_to_set(
    server: FakeGce, driver: ComputeDriver, wanted: Wanted
) -> None:
    words = "Constraint constraints/compute.vmExternalIpAccess violated for project 1."
    server.fail("CONDITION_NOT_MET", words, status=412)
    with pytest.raises(PermissionDenied, match="'public_address' to false"):
        driver.launch(wanted())


def test_stopping_and_being_deleted_are_told_apart(
    server: FakeGce, driver: ComputeDriver, wanted: Wanted
) -> None:
    """Compute Engine has one word for both."""
    boot = "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.1; done\n"
    server._state.grace = 1.5
    one, two = driver.launch(wanted(boot=boot)), driver.launch(wanted(boot=boot))
    driver.stop(one.id)
    driver.terminate(two.id)
    states = {info.id: (info.state, info.raw_state) for info in driver.list({})}
    assert states == {one.id: ("stopping", "STOPPING"), two.id: ("terminating", "STOPPING")}


def test_machine_that_crashed_is_a_stopped_one(
    server: FakeGce, driver: ComputeDriver, wanted: Wanted
) -> None:
    """It isn't restarted, and its disk stays until it is ended."""
    info = driver.launch(wanted())
    server.crash(ZONE, info.name)
    told = driver.get(info.id)
    assert told is not None
    assert (told.state, told.raw_state, told.bills) == ("stopped", "TERMINATED", False)
    driver.terminate(info.id)
    until(lambda: is_gone(driver, info.id))
    assert server.disks == []


def test_machine_that_is_gone_says_why(
    server: FakeGce, driver: ComputeDriver, wanted: Wanted
) -> None:
    """By the last thing that was done with it."""
    one, two = driver.launch(wanted()), driver.launch(wanted(Needs(spot=True)))
    driver.terminate(one.id)
    server.preempt(ZONE, two.name, 0.1)
    until(lambda: not server.machines)
    told = [driver.get(each.id) for each in (one, two)]
    assert [info and (info.state, info.raw_state, info.bills) for info in told] == [
        ("terminated", "delete", False),
        ("terminated", "compute.instances.preempted", False),
    ]


def test_start_that_finds_no_room_says_so(
    server: FakeGce, driver: ComputeDriver, wanted: Wanted
) -> None:
    info = driver.launch(wanted())
    server.crash(ZONE, info.name)
    server.fail(EXHAUSTED, status=503)
    with pytest.raises(NoCapacity):
        driver.start(info.id)
    driver.start(info.id)
    until(lambda: server.machine(ZONE, info.name).status == "RUNNING")


def test_deadline_is_counted_from_each_start(
    server: FakeGce, driver: ComputeDriver, wanted: Wanted
) -> None:
    """As Compute Engine does; `reap` goes by the tag."""
    info = driver.launch(wanted(lifetime=60.0))
    server.advance(50)
    server.crash(ZONE, info.name)
    driver.start(info.id)
    server.advance(50)
    assert not is_gone(driver, info.id)
    server.advance(15)
    until(lambda: is_gone(driver, info.id))


@pytest.mark.parametrize(
    "id", ["there-is-none", "us-east1-b/", "a/b/c", "us-east1-b/there-is-none"]
)
def test_machine_that_there_isnt_cant_be_started(driver: ComputeDriver, id: str) -> None:
    with pytest.raises(InstanceNotFound):
        driver.start(id)
    assert driver.get(id) is None
    driver.terminate(id)


def test_project_that_there_isnt_is_no_machine_that_is_gone(
    server: FakeGce, wanted: Wanted
) -> None:
    """Or `reap` would believe that all is well."""
    driver = connect(server, project="another-one")
    with pytest.raises(InvalidArgument, match="another-one"):
        driver.get(f"{ZONE}/pt-1")
    with pytest.raises(InvalidArgument, match="another-one"):
        driver.terminate(f"{ZONE}/pt-1")
    driver.close()


@pytest.mark.parametrize(
    ("reply", "kind", "ambiguous"),
    [
        (Reply("<html>", 200), Unavailable, True),
        (Reply({}, 200), Unavailable, True),
        (Reply(None, 302, {"Location": "http://127.0.0.1:1/"}), EndpointRefused, False),
    ],
)
def test_answer_of_a_stranger_is_refused(
    server: FakeGce,
    driver: ComputeDriver,
    wanted: Wanted,
    reply: Reply,
    kind: type[PortableError],
    ambiguous: bool,
) -> None:
    server.add(RestFault(method="POST", reply=reply))
    with pytest.raises(kind) as caught:
        driver.launch(wanted())
    assert caught.value.ambiguous is ambiguous


def test_connection_that_isnt_made_has_sent_nothing(wanted: Wanted) -> None:
    with FakeGce() as server:
        driver = connect(server)
    with pytest.raises(Unavailable, match="nothing was sent") as caught:
        driver.launch(wanted())
    assert not caught.value.ambiguous
    driver.close()


def test_each_request_is_sent_once(server: FakeGce, driver: ComputeDriver) -> None:
    """Google's client would send a read again by itself."""
    server.add(RestFault(reply=error("backendError", 503, "Backend Error"), times=None))
    for call in (lambda: driver.get(f"{ZONE}/pt-1"), lambda: list(driver.list({}))):
        server.requests.clear()
        with pytest.raises(Unavailable):
            call()
        assert len(server.requests) == 1


def test_credentials_go_with_each_request(server: FakeGce, wanted: Wanted, tmp_path: Path) -> None:
    """Those that `credentials_file` names; to a server on this machine none go otherwise."""
    with FakeGcs() as tokens:
        key = tmp_path / "account.json"
        key.write_text(json.dumps(tokens.account()))
        driver = connect(server, credentials_file=str(key))
        server.add(RestFault(reply=error("authError", 401, "Invalid Credentials")))
        driver.launch(wanted())  # with a new token
        driver.close()
    assert {each.headers["authorization"][:7] for each in server.requests} == {"Bearer "}
    server.clear()
    driver = connect(server)
    driver.launch(wanted())
    assert not any("authorization" in each.headers for each in server.requests)
    server.add(RestFault(reply=error("authError", 401, "Login Required.")))
    with pytest.raises(Unauthenticated, match="credentials_file"):
        driver.get(f"{ZONE}/pt-1")
    driver.close()
