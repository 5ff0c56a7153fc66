"""The digitalocean provider's compute, against its fake; jobs' storage is Spaces' stand-in."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from portable.compute.compute import Compute
from portable.compute.driver import ComputeDriver
from portable.discovery import connect_compute
from portable.storage import Bucket
from portable.testing.compute import ComputeHarness, ComputeOracle
from portable.testing.compute.harness import Refusal
from portable.testing.fakes.droplets import FakeDroplets
from portable.testing.fakes.droplets.wording import LIMIT, NO_ROOM, refused, unprocessable
from portable.testing.fakes.machines import Boot
from portable.testing.fakes.rest import Reply, RestFault
from portable.testing.faults import FaultProxy
from portable_digitalocean import ADAPTER
from portable_digitalocean.compute_settings import DropletSettings

if TYPE_CHECKING:
    import pytest

REGION = "nyc1"
MACHINE = "s-1vcpu-1gb"
TOKENS = ("DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN")
CREATES = r"^/v2/droplets$"


class DropletOracle(ComputeOracle):
    """A fake, seen from within."""

    def __init__(self, server: FakeDroplets) -> None:
        self._server = server

    def count(self, name: str) -> int:
        return sum(each.name == name for each in self._server.droplets)

    def alive(self, id: str) -> bool:
        real = self._server.machine(id)
        return real is not None and real.is_on

    def kill(self, id: str) -> None:
        """Somebody destroys it: what only crashes would stay, switched off."""
        self._server.destroy(id)

    def hang(self, id: str) -> None:
        real = self._server.machine(id)
        assert real is not None
        real.hang()

    def refuse(self, why: Refusal, times: int = 1) -> None:
        fault = RestFault(method="POST", path=CREATES, times=times, reply=refusal(why))
        self._server.add(fault)

    def lose_answer(self) -> None:
        self._server.add(RestFault(method="POST", path=CREATES, kind="lost"))

    def hide(self, looks: int) -> None:
        self._server.state.hides = looks

    def next(self, boot: Boot) -> None:
        self._server.host.next(boot)

    def keys(self, id: str) -> str:
        names = self._server.droplet(id).asked["ssh_keys"]
        return "\n".join(self._server.state.keys[name]["public_key"] for name in names)


def refusal(why: Refusal) -> Reply:
    """What DigitalOcean answers where it refuses a Droplet."""
    if why == "quota":
        return unprocessable(LIMIT).reply
    if why == "capacity":
        return unprocessable(NO_ROOM, error_attributes={"available_regions": ["nyc3"]}).reply
    if why == "throttled":
        reply = refused(429, "too_many_requests", "API Rate limit exceeded.").reply
        return Reply(reply.body, 429, {"ratelimit-reset": str(int(time.time()) + 7)})
    if why == "denied":
        return refused(403, "Forbidden", "You are not authorized to perform this operation").reply
    return refused(500, "server_error", "Unexpected server-side error").reply


def isolate(monkeypatch: pytest.MonkeyPatch, token: str = "") -> None:
    """Let the adapter see this token, or none."""
    for name in TOKENS:
        monkeypatch.delenv(name, raising=False)
    if token:
        monkeypatch.setenv(TOKENS[0], token)


def settings(server: FakeDroplets, **more: Any) -> DropletSettings:
    """Of a driver that talks to a fake."""
    return DropletSettings(**{"region": REGION, "endpoint": server.endpoint, **more})


def connect(server: FakeDroplets, **more: Any) -> ComputeDriver:
    """A driver that talks to a fake."""
    return connect_compute(ADAPTER, settings(server, **more))


def open_droplets(server: FakeDroplets, storage: Callable[[], Bucket], **more: Any) -> Compute:
    """Jobs on a fake, kept in *storage*."""
    place = settings(server, **more)
    connects = partial(connect_compute, ADAPTER, place)
    return Compute(connects, place, provider=ADAPTER.name, storage=storage)


def droplets_harness(
    server: FakeDroplets, storage: Callable[[], Bucket], proxy: FaultProxy
) -> ComputeHarness:
    """What the conformance suite is told of a fake.

    Args:
        proxy: That requests to *storage* go through.
    """
    return ComputeHarness(
        connect=lambda: connect(server),
        oracle=DropletOracle(server),
        open_compute=partial(open_droplets, server, storage),
        storage=storage(),
        proxy=proxy,
        machine=MACHINE,
        image="ubuntu-24.04",
        unknown_id="1",
    )
