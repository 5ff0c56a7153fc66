"""What is Azure's own: groups, what is made with a machine, states and errors."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import pytest

from portable.compute.driver import ComputeDriver, Launch
from portable.compute.needs import Needs
from portable.errors import (
    CredentialsExpired,
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
from portable.testing.fakes.arm import FakeArm
from portable.testing.fakes.arm.server import GROUP
from portable.testing.fakes.arm.wording import QUOTA, refused
from portable.testing.fakes.rest import Reply, RestFault
from portable.testing.targets.arm import CREATES, connect

Wanted = Callable[..., Launch]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJZ2k1z0zqk2b5bDkz6lXq0w9X4J0i8n0Qy9QqXQ1m5Z me"
NO_SIZE = "The requested VM size is currently not available in location 'eastus'."


def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_gone(driver: ComputeDriver, id: str) -> bool:
    told = driver.get(id)
    return told is None or told.state == "terminated"


def refuse(server: FakeArm, status: int, code: str, words: str = "so it is", **how: Any) -> None:
    server.add(RestFault(reply=refused(status, code, words).reply, **how))


@pytest.mark.parametrize(
    ("status", "code", "words", "kind"),
    [
        (409, "OperationNotAllowed", QUOTA, QuotaExceeded),
        (400, "QuotaExceeded", "so it is", QuotaExceeded),
        (400, "PublicIPCountLimitReached", "so it is", QuotaExceeded),
        (409, "OperationNotAllowed", "The VM has no such thing.", InvalidArgument),
        (429, "OperationNotAllowed", "Too many requests; limit.", Throttled),
        (429, "TooManyRequests", "so it is", Throttled),
        (409, "SkuNotAvailable", NO_SIZE, NoCapacity),
        (409, "AllocationFailed", "so it is", NoCapacity),
        (409, "ZonalAllocationFailed", "so it is", NoCapacity),
        (409, "OverconstrainedAllocationRequest", "so it is", NoCapacity),
        (409, "Conflict", "so it is", Unavailable),
        (409, "ResizeDiskError", "so it is", InvalidArgument),
        (409, "UnheardOf", "so it is", PortableError),
        (403, "AuthorizationFailed", "so it is", PermissionDenied),
        (403, "RequestDisallowedByPolicy", "so it is", PermissionDenied),
        (409, "ScopeLocked", "so it is", PermissionDenied),
        (401, "InvalidAuthenticationToken", "so it is", Unauthenticated),
        (401, "ExpiredAuthenticationToken", "so it is", CredentialsExpired),
        (400, "InvalidParameter", "so it is", InvalidArgument),
        (404, "PlatformImageNotFound", "so it is", InvalidArgument),
        (503, "ServiceUnavailable", "so it is", Unavailable),
        (500, "UnheardOf", "so it is", Unavailable),
        (418, "UnheardOf", "so it is", PortableError),
    ],
)
def test_refused_request_is_an_error_by_its_code(
    server: FakeArm,
    driver: ComputeDriver,
    wanted: Wanted,
    status: int,
    code: str,
    words: str,
    kind: type[PortableError],
) -> None:
    refuse(server, status, code, words, method="PUT")
    with pytest.raises(PortableError) as caught:
        driver.launch(wanted())
    assert type(caught.value) is kind
    assert words in str(caught.value)
    assert caught.value.ambiguous is (status >= 500)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AllocationFailed", NoCapacity),
        ("OverconstrainedZonalAllocationRequest", NoCapacity),
        ("QuotaExceeded", QuotaExceeded),
        ("InternalExecutionError", Unavailable),
        ("UnheardOf", PortableError),
    ],
)
def test_failed_creation_is_an_error_of_the_launch(
    server: FakeArm, driver: ComputeDriver, wanted: Wanted, code: str, kind: type[PortableError]
) -> None:
    """The class that a refusal would be; what was made already is deleted."""
    server.fail(code, "so it is")
    launch = wanted()
    with pytest.raises(kind, match="so it is") as caught:
        driver.launch(launch)
    assert not caught.value.ambiguous
    assert server.machines == []
    assert server.parts == []
    assert driver.launch(launch).state == "running"  # its name is free again


def test_creation_that_takes_long_isnt_waited_for(server: FakeArm, wanted: Wanted) -> None:
    """The machine is pending; one that fails later is stopped, says why, and is listed."""
    server.operations.seconds = math.inf
    server.fail("AllocationFailed")
    driver = connect(server, accept=0.2)
    info = driver.launch(wanted())
    assert (info.state, info.raw_state) == ("pending", "ProvisioningState/creating")
    (operation,) = server.operations.all
    server.operations.end(operation)
    told = driver.get(info.id)
    assert told is not None
    raw = "ProvisioningState/failed/AllocationFailed"
    assert (told.state, told.raw_state, told.bills) == ("stopped", raw, False)
    assert list(driver.list({"portable": "1"})) == [told]
    assert len(server.parts) == 3  # they cost, until it is ended
    server.operations.seconds = 0.03
    driver.terminate(info.id)
    until(lambda: is_gone(driver, info.id))
    assert server.parts == []
    driver.close()


def test_launch_that_comes_again_ends_what_couldnt_be_made(server: FakeArm, wanted: Wanted) -> None:
    """And the one after it makes the machine."""
    server.operations.seconds = math.inf
    server.fail("AllocationFailed")
    driver, launch = connect(server, accept=0.1), wanted()
    info = driver.launch(launch)
    assert driver.launch(launch).state == "pending"  # it may be made yet
    server.operations.seconds = 0.03
    server.operations.end(server.operations.all[0])
    with pytest.raises(Unavailable, match="couldn't be made") as caught:
        driver.launch(launch)
    assert caught.value.retryable
    assert server.parts == []
    assert driver.launch(launch).id == info.id
    assert [machine.name for machine in server.machines] == [launch.name]
    driver.close()


@pytest.mark.parametrize("status", [403, 429, 503])
def test_machine_that_was_taken_on_is_told_though_it_cant_be_looked_at(
    server: FakeArm, driver: ComputeDriver, wanted: Wanted, status: int
) -> None:
    """Or nobody would end it."""
    refuse(server, status, "SoItIs", method="GET")
    info = driver.launch(wanted())
    assert info.state == "pending"
    driver.terminate(info.id)
    until(lambda: not server.machines)


def test_name_that_is_taken_is_found_and_not_changed(
    server: FakeArm, driver: ComputeDriver, wanted: Wanted
) -> None:
    launch = wanted()
    info = driver.launch(launch)
    other = connect(server)
    assert other.launch(launch).id == info.id
    assert len(server.machines) == len(server.state.ever) == 1
    other.close()


def test_name_of_what_is_being_deleted_is_free_a_little_later(
    server: FakeArm, driver: ComputeDriver, wanted: Wanted
) -> None:
    launch = wanted()
    info = driver.launch(launch)
    server.operations.seconds = 0.5
    driver.terminate(info.id)
    told = driver.get(info.id)
    assert told is not None
    assert told.state == "terminating"
    with pytest.raises(Unavailable) as caught:
        driver.launch(launch)
    assert caught.value.retryable
    until(lambda: is_gone(driver, info.id))
    assert driver.launch(launch).state == "running"


def test_machine_leaves_nothing(server: FakeArm, driver: ComputeDriver, wanted: Wanted) -> None:
    """Neither disk nor interface nor address."""
    info = driver.launch(wanted())
    kinds = sorted(each.split("/")[-2] for each in server.parts)
    assert kinds == ["disks", "networkInterfaces", "publicIPAddresses"]
    driver.terminate(info.id)
    until(lambda: is_gone(driver, info.id))
    assert server.parts == []


def test_address_is_told_where_somebody_may_log_in(
    server: FakeArm, driver: ComputeDriver, wanted: Wanted
) -> None:
    """It takes two more requests, which jobs don't need."""
    open_ = driver.launch(wanted(ssh_key=KEY))
    closed = driver.launch(wanted())
    without = connect(server, public_address=False)
    inside = without.launch(wanted(ssh_key=KEY))
    told = {each.id: each.address for each in driver.list({})}
    assert told.pop(open_.id).startswith("203.0.113.")
    assert told == {closed.id: "", inside.id: ""}
    server.requests.clear()
    driver.get(closed.id)
    assert len(server.requests) == 1
    driver.stop(open_.id)
    stopped = driver.get(open_.id)
    assert stopped is not None
    assert stopped.address == ""
    without.close()


def test_address_that_may_not_be_seen_is_an_error(
    server: FakeArm, driver: ComputeDriver, wanted: Wanted
) -> None:
    """Not an empty one; an interface that is on its way out has none."""
    info = driver.launch(wanted(ssh_key=KEY))
    refuse(server, 403, "AuthorizationFailed", path="networkInterfaces")
    with pytest.raises(PermissionDenied):
        driver.get(info.id)
    refuse(server, 404, "ResourceNotFound", path="networkInterfaces")
    told = driver.get(info.id)
    assert told is not None
    assert told.address == ""


def test_machine_that_switches_itself_off_goes_on_billing(
    driver: ComputeDriver, wanted: Wanted
) -> None:
    """It keeps its place; `stop` gives it back."""
    info = driver.launch(wanted(boot="#!/bin/sh\npoweroff\n"))

    def state() -> tuple[str, str, bool]:
        told = driver.get(info.id)
        assert told is not None
        return told.state, told.raw_state, told.bills

    until(lambda: state() == ("stopped", "PowerState/stopped", True))
    driver.stop(info.id)
    until(lambda: state() == ("stopped", "PowerState/deallocated", False))


def test_start_that_finds_no_room_says_so(
    server: FakeArm, driver: ComputeDriver, wanted: Wanted
) -> None:
    """The machine stays as it is, and can be started later."""
    info = driver.launch(wanted())
    driver.stop(info.id)
    until(lambda: server.machine(info.name).power == "deallocated")
    server.fail("AllocationFailed")
    with pytest.raises(NoCapacity):
        driver.start(info.id)
    told = driver.get(info.id)
    assert told is not None
    assert (told.state, told.bills) == ("stopped", False)
    driver.start(info.id)
    assert server.machine(info.name).power == "running"


def test_machine_that_was_seen_and_is_gone_has_ended(
    server: FakeArm, driver: ComputeDriver, wanted: Wanted
) -> None:
    """Who never saw it isn't told of it."""
    info = driver.launch(wanted(Needs(spot=True)))
    server.evict(info.name, 0.1)
    until(lambda: not server.machines)
    told = driver.get(info.id)
    assert told is not None
    assert (told.state, told.raw_state, told.bills) == ("terminated", "ResourceNotFound", False)
    other = connect(server)
    assert other.get(info.id) is None
    other.close()
    assert server.parts == []


def test_size_that_there_isnt_is_refused_with_those_there_are(
    driver: ComputeDriver, wanted: Wanted
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        driver.launch(wanted(machine="Standard_D8s_v9"))
    text = str(caught.value)
    assert "did you mean 'Standard_D8s_v5'" in text
    assert "the catalogue knows 'Standard_D16s_v5', " in text


def test_size_that_is_elsewhere_says_where(driver: ComputeDriver, wanted: Wanted) -> None:
    with pytest.raises(InvalidArgument, match="is also in 'eastus2', 'northeurope'"):
        driver.launch(wanted(machine="Standard_ND96isr_H200_v5"))


def test_size_without_room_says_where_else_it_is(
    server: FakeArm, driver: ComputeDriver, wanted: Wanted
) -> None:
    refuse(server, 409, "SkuNotAvailable", NO_SIZE, method="PUT")
    with pytest.raises(NoCapacity, match="also in 'canadacentral', 'westeurope'"):
        driver.launch(wanted())


def test_more_than_the_quota_is_refused(
    server: FakeArm, driver: ComputeDriver, wanted: Wanted
) -> None:
    server.state.cores = 1
    driver.launch(wanted())
    with pytest.raises(QuotaExceeded, match="Total Regional Cores"):
        driver.launch(wanted())


def test_group_that_there_isnt_is_no_machine_that_is_gone(server: FakeArm, wanted: Wanted) -> None:
    """Or `reap` would believe that all is well; the error says how it is made."""
    driver = connect(server, resource_group="another")
    says = "az group create --name another --location eastus"
    for call in (
        lambda: driver.launch(wanted()),
        lambda: driver.get("another/pt-1"),
        lambda: driver.terminate("another/pt-1"),
        lambda: list(driver.list({})),
    ):
        with pytest.raises(InvalidArgument, match=says):
            call()
    driver.close()


def test_subnet_that_there_isnt_says_how_it_is_made(server: FakeArm, wanted: Wanted) -> None:
    driver = connect(server, subnet="lab/gpus")
    with pytest.raises(InvalidArgument, match="az network vnet create --resource-group testing"):
        driver.launch(wanted())
    driver.close()


def test_subscription_that_there_isnt_is_named(server: FakeArm, wanted: Wanted) -> None:
    driver = connect(server, subscription="00000000-0000-0000-0000-000000000000")
    with pytest.raises(InvalidArgument, match="az account list"):
        driver.launch(wanted())
    driver.close()


@pytest.mark.parametrize("id", ["there-is-none", f"{GROUP}/", "a/b/c", f"{GROUP}/there-is-none"])
def test_machine_that_there_isnt_cant_be_started(driver: ComputeDriver, id: str) -> None:
    with pytest.raises(InstanceNotFound):
        driver.start(id)
    assert driver.get(id) is None
    driver.terminate(id)


@pytest.mark.parametrize(
    ("reply", "kind", "ambiguous"),
    [
        (Reply("<html>", 201), Unavailable, True),
        (Reply({}, 201), Unavailable, True),
        (Reply({"name": "pt-1", "properties": {}}, 201), Unavailable, True),
        (Reply(None, 201), Unavailable, True),
        (Reply(None, 204), Unavailable, True),
        (Reply(None, 302, {"Location": "http://127.0.0.1:1/"}), EndpointRefused, False),
    ],
)
def test_answer_of_a_stranger_is_refused(
    server: FakeArm,
    driver: ComputeDriver,
    wanted: Wanted,
    reply: Reply,
    kind: type[PortableError],
    ambiguous: bool,
) -> None:
    server.add(RestFault(method="PUT", path=CREATES, reply=reply))
    with pytest.raises(kind) as caught:
        driver.launch(wanted())
    assert caught.value.ambiguous is ambiguous


def test_connection_that_isnt_made_has_sent_nothing(wanted: Wanted) -> None:
    with FakeArm() as server:
        driver = connect(server)
    with pytest.raises(Unavailable, match="nothing was sent") as caught:
        driver.launch(wanted())
    assert not caught.value.ambiguous
    driver.close()


def test_connection_that_is_cut_may_have_sent_it(
    server: FakeArm, driver: ComputeDriver, wanted: Wanted
) -> None:
    server.add(RestFault(method="PUT", kind="cut"))
    with pytest.raises(Unavailable) as caught:
        driver.launch(wanted())
    assert caught.value.ambiguous


def test_each_request_is_sent_once(server: FakeArm, driver: ComputeDriver) -> None:
    """Microsoft's client would send a read again by itself."""
    refuse(server, 503, "ServiceUnavailable", times=None)
    for call in (lambda: driver.get(f"{GROUP}/pt-1"), lambda: list(driver.list({}))):
        server.requests.clear()
        with pytest.raises(Unavailable):
            call()
        assert len(server.requests) == 1


def test_no_credentials_are_sent_over_plain_http(server: FakeArm, driver: ComputeDriver) -> None:
    assert list(driver.list({})) == []
    assert not any("authorization" in each.headers for each in server.requests)


def test_throttled_request_says_for_how_long(server: FakeArm, driver: ComputeDriver) -> None:
    reply = refused(429, "TooManyRequests", "so it is").reply
    server.add(RestFault(reply=Reply(reply.body, 429, {"Retry-After": "17"})))
    with pytest.raises(Throttled) as caught:
        list(driver.list({}))
    assert caught.value.retry_after == 17
