"""What is DigitalOcean's own: tokens, tags, listings, keys, images, states and errors."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

from portable.compute.driver import ComputeDriver, Launch
from portable.compute.needs import Needs
from portable.errors import (
    EndpointRefused,
    InvalidArgument,
    NoCapacity,
    PermissionDenied,
    PortableError,
    QuotaExceeded,
    Throttled,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from portable.testing.fakes.droplets import FakeDroplets
from portable.testing.fakes.droplets.wording import NOT_IN_REGION, refused, unprocessable
from portable.testing.fakes.rest import Reply, RestFault
from portable.testing.targets.droplets import CREATES, connect, isolate, refusal, settings
from portable_digitalocean.compute_shapes import fingerprint, image_for, resource

Wanted = Callable[..., Launch]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJZ2k1z0zqk2b5bDkz6lXq0w9X4J0i8n0Qy9QqXQ1m5Z me"


def until(true: Callable[[], object], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def answers(server: FakeDroplets, reply: Reply, times: int = 1) -> None:
    """Let launches be answered so."""
    server.add(RestFault(method="POST", path=CREATES, reply=reply, times=times))


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (401, "Unable to authenticate you", Unauthenticated),
        (403, "You are not authorized to perform this operation", PermissionDenied),
        (404, "The resource you were accessing could not be found.", InvalidArgument),
        (418, "unheard of", PortableError),
        (422, "creating this/these droplet(s) will exceed your droplet limit", QuotaExceeded),
        (422, "Your account has exceeded its GPU limit", QuotaExceeded),
        (422, "The size you selected is temporarily unavailable", NoCapacity),
        (422, "Droplet already has a pending event.", Unavailable),
        (422, "59723548 are invalid key identifiers for Droplet creation.", Unavailable),
        (422, "User data is too long (maximum is 64 KiB)", InvalidArgument),
        (429, "API Rate limit exceeded.", Throttled),
        (500, "Unexpected server-side error", Unavailable),
        (503, "Service Unavailable", Unavailable),
    ],
)
def test_refused_launch_is_an_error_by_its_status_and_words(
    server: FakeDroplets,
    driver: ComputeDriver,
    wanted: Wanted,
    status: int,
    words: str,
    kind: type[PortableError],
) -> None:
    """Only what may have been carried out is ambiguous."""
    answers(server, refused(status, "some_id", words).reply)
    with pytest.raises(PortableError) as caught:
        driver.launch(wanted())
    assert type(caught.value) is kind
    assert words in str(caught.value)
    assert caught.value.ambiguous is (status >= 500)
    assert server.droplets == []


def test_answer_that_isnt_the_apis_is_an_error(
    server: FakeDroplets, driver: ComputeDriver, wanted: Wanted
) -> None:
    """Whether a machine was made isn't known then."""
    answers(server, Reply({"droplet": {"id": 1}}, 202))
    with pytest.raises(Unavailable, match="lacks") as caught:
        driver.launch(wanted())
    assert caught.value.ambiguous


def test_redirect_isnt_followed(
    server: FakeDroplets, driver: ComputeDriver, wanted: Wanted
) -> None:
    """The token is for this server."""
    answers(server, Reply({}, 307, {"Location": "http://127.0.0.1:1/"}))
    with pytest.raises(EndpointRefused, match="redirect"):
        driver.launch(wanted())


def test_rate_says_how_long_to_wait(
    server: FakeDroplets, driver: ComputeDriver, wanted: Wanted
) -> None:
    """A burst in seconds, the hour's rate by the time at which it is over."""
    body = refusal("throttled").body
    answers(server, Reply(body, 429, {"retry-after": "3"}))
    with pytest.raises(Throttled) as caught:
        driver.launch(wanted())
    assert caught.value.retry_after == 3
    answers(server, Reply(body, 429, {"ratelimit-reset": str(int(time.time()) + 100)}))
    with pytest.raises(Throttled) as caught:
        driver.launch(wanted())
    assert 90 < (caught.value.retry_after or 0) <= 102


def test_size_that_the_region_hasnt_is_named_with_those_that_it_has(
    driver: ComputeDriver, wanted: Wanted
) -> None:
    with pytest.raises(InvalidArgument, match=r"nyc1 has, among others, .*'s-4vcpu-8gb'"):
        driver.launch(wanted(Needs(gpus=1), machine="gpu-h100x1-80gb"))
    with pytest.raises(InvalidArgument, match=r"did you mean 's-1vcpu-1gb'.*invalid size"):
        driver.launch(wanted(machine="s-1vcpu-1gbx"))


def test_size_that_has_run_out_is_no_capacity(
    server: FakeDroplets, driver: ComputeDriver, wanted: Wanted
) -> None:
    """Though DigitalOcean's words are those of a size that isn't there: the list has it there."""
    answers(server, unprocessable(NOT_IN_REGION).reply)
    with pytest.raises(NoCapacity, match=r"nyc1 has no 's-1vcpu-1gb' now"):
        driver.launch(wanted())


def test_capacity_elsewhere_is_told(
    server: FakeDroplets, driver: ComputeDriver, wanted: Wanted
) -> None:
    answers(server, refusal("capacity"))
    with pytest.raises(NoCapacity, match="there is room in 'nyc3'"):
        driver.launch(wanted())


def test_limit_of_the_account_is_kept(
    server: FakeDroplets, driver: ComputeDriver, wanted: Wanted
) -> None:
    """And the error says where to ask for more."""
    server.state.limit = 1
    driver.launch(wanted())
    with pytest.raises(QuotaExceeded, match="droplet_limit_increase"):
        driver.launch(wanted())


def test_launch_whose_tags_arent_on_yet_isnt_done_twice(
    server: FakeDroplets, driver: ComputeDriver, wanted: Wanted
) -> None:
    """Whoever looks by tags doesn't find it; the next launch does, by its name."""
    server.state.untags = 1
    server.add(RestFault(method="POST", path=CREATES, kind="lost"))
    launch = wanted()
    with pytest.raises(Unavailable):
        driver.launch(launch)
    assert list(driver.list(launch.tags)) == []
    again = driver.launch(launch)
    assert [str(each.id) for each in server.droplets] == [again.id]
    assert dict(again.tags) == dict(launch.tags)


def test_listing_has_droplets_with_gpus(
    server: FakeDroplets, driver: ComputeDriver, wanted: Wanted
) -> None:
    """They are listed apart, and never by a tag, as far as is promised."""
    there = connect(server, region="tor1")
    launch = wanted(Needs(gpus=1), machine="gpu-h100x1-80gb", image="deep-learning")
    info = there.launch(launch)
    assert [each.id for each in there.list(launch.tags)] == [info.id]
    assert [each.id for each in there.list({})] == [info.id]
    assert server.droplets[0].asked["image"] == "gpu-h100x1-base"
    assert there.launch(launch).id == info.id
    assert list(driver.list(launch.tags)) == []  # of another region
    there.close()


def test_droplet_that_switched_itself_off_is_stopped_and_costs(
    driver: ComputeDriver, wanted: Wanted
) -> None:
    info = driver.launch(wanted(boot="#!/bin/sh\npoweroff\n"))
    seen: list[Any] = []

    def is_off() -> bool:
        seen[:] = [driver.get(info.id)]
        return seen[0] is not None and seen[0].raw_state == "off"

    until(is_off)
    assert (seen[0].state, seen[0].bills) == ("stopped", True)
    driver.terminate(info.id)
    ended = driver.get(info.id)
    assert ended is not None
    assert ended.state == "terminating"
    gone = driver.get(info.id)
    assert gone is not None
    assert (gone.state, gone.raw_state, gone.bills) == ("terminated", "not_found", False)


def test_droplet_can_only_be_terminated(driver: ComputeDriver, wanted: Wanted) -> None:
    info = driver.launch(wanted())
    for call in (driver.stop, driver.start):
        with pytest.raises(Unsupported, match="costs the same"):
            call(info.id)


def test_destruction_waits_for_an_event_that_is_under_way(
    server: FakeDroplets, driver: ComputeDriver, wanted: Wanted
) -> None:
    """As while it is being made; the core asks again."""
    info = driver.launch(wanted())
    server.state.busy = 1
    with pytest.raises(Unavailable, match="pending event") as caught:
        driver.terminate(info.id)
    assert caught.value.retryable
    driver.terminate(info.id)
    assert server.droplets == []


def test_key_is_added_to_the_account_once(
    server: FakeDroplets, driver: ComputeDriver, wanted: Wanted
) -> None:
    for _ in range(2):
        driver.launch(wanted(ssh_key=KEY))
    assert list(server.state.keys) == [fingerprint(KEY)]
    assert [each.asked["ssh_keys"] for each in server.droplets] == [[fingerprint(KEY)]] * 2


def test_fingerprint_is_that_of_ssh_keygen() -> None:
    """``ssh-keygen -l -E md5`` of the same key."""
    assert fingerprint(KEY) == "63:1e:8b:82:c4:0f:b4:72:bf:e5:f3:86:bb:39:22:7a"
    with pytest.raises(InvalidArgument, match="public key"):
        fingerprint("-----BEGIN OPENSSH PRIVATE KEY-----")


@pytest.mark.parametrize(
    ("image", "size", "slug"),
    [
        ("ubuntu-24.04", "s-1vcpu-1gb", "ubuntu-24-04-x64"),
        ("deep-learning", "gpu-l40sx1-48gb", "gpu-h100x1-base"),
        ("deep-learning", "gpu-h200x8-1128gb", "gpu-h100x8-base"),
        ("deep-learning", "gpu-mi300x8-1536gb", "gpu-amd-base"),
        ("debian-13-x64", "s-1vcpu-1gb", "debian-13-x64"),
        ("191457505", "s-1vcpu-1gb", 191457505),
    ],
)
def test_images_by_plain_name_slug_or_number(image: str, size: str, slug: str | int) -> None:
    assert image_for(image, size) == slug


def test_image_that_cant_be_is_refused(driver: ComputeDriver, wanted: Wanted) -> None:
    with pytest.raises(InvalidArgument, match="needs a GPU"):
        driver.launch(wanted(image="deep-learning"))
    with pytest.raises(InvalidArgument, match=r"did you mean 'ubuntu-24.04'"):
        driver.launch(wanted(image="ubuntu-2404"))


def test_disk_that_the_size_hasnt_is_refused(
    server: FakeDroplets, driver: ComputeDriver, wanted: Wanted
) -> None:
    """It isn't left out without a word."""
    driver.launch(wanted(Needs(disk_gib=25)))
    with pytest.raises(InvalidArgument, match="disk of 25 GiB, and not of 26"):
        driver.launch(wanted(Needs(disk_gib=26)))
    assert len(server.droplets) == 1


def test_machine_is_asked_for_without_what_costs_or_lets_in(
    server: FakeDroplets, wanted: Wanted
) -> None:
    vpc = "760e09ef-dc84-11e8-981e-3cfdfeaae000"
    asked = resource(wanted(tags={"portable-job": "a", "portable": ""}), settings(server), [])
    assert {asked[name] for name in ("backups", "ipv6", "monitoring", "with_droplet_agent")} == {
        False
    }
    assert asked["tags"] == ["portable:", "portable-job:a"]
    assert "vpc_uuid" not in asked
    assert resource(wanted(), settings(server, vpc=vpc), [])["vpc_uuid"] == vpc


def test_token_is_the_environments_and_is_shown_nowhere(
    server: FakeDroplets,
    wanted: Wanted,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither in settings and objects, nor in logs and errors; a new one is taken at once."""
    isolate(monkeypatch)
    driver = connect(server)
    with pytest.raises(Unauthenticated, match="set DIGITALOCEAN_TOKEN"):
        driver.launch(wanted())
    assert server.requests == []
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("DIGITALOCEAN_ACCESS_TOKEN", "dop_v1_wrong")
    with pytest.raises(Unauthenticated, match="DIGITALOCEAN_TOKEN") as caught:
        driver.launch(wanted())
    monkeypatch.setenv("DIGITALOCEAN_ACCESS_TOKEN", "dop_v1\nwrong")
    with pytest.raises(Unauthenticated, match="DIGITALOCEAN_ACCESS_TOKEN isn't") as broken:
        driver.launch(wanted())
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", server.token)  # comes first
    driver.launch(wanted())
    shown = [repr(driver), repr(driver.native), repr(vars(driver)), repr(settings(server))]
    shown += [str(caught.value), str(broken.value), caplog.text, json.dumps(str(driver.native))]
    assert all("dop_v1" not in text for text in shown)
    driver.close()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"region": "New York"}, "'region' 'New York' isn't"),
        ({"vpc": "default"}, "'vpc' 'default' isn't"),
        ({"endpoint": "http://example.com"}, "plain http"),
        ({"read_timeout": 0.0}, "'read_timeout'"),
    ],
)
def test_wrong_settings_are_named(
    server: FakeDroplets, changed: dict[str, object], says: str
) -> None:
    (problem,) = settings(server, **changed).problems()
    assert says in problem
