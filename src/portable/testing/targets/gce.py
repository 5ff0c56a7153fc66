"""The gcp provider's compute, against its fake on this machine."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from portable.compute.compute import Compute
from portable.compute.driver import ComputeDriver
from portable.discovery import connect_compute
from portable.storage import Bucket
from portable.testing.compute import ComputeHarness, ComputeOracle
from portable.testing.compute.harness import Refusal
from portable.testing.fakes.gce import FakeGce
from portable.testing.fakes.gcs import FakeGcs
from portable.testing.fakes.machines import Boot
from portable.testing.fakes.rest import Reply, RestFault
from portable.testing.faults import FaultProxy
from portable.testing.targets.gcs import open_gcs_bucket
from portable_gcp import ADAPTER
from portable_gcp.compute_settings import GceSettings

ZONE = "us-east1-b"
INSERTS = r"/instances$"
# What an operation fails with, or a request: (code, status, words).
FAILED = {
    "quota": ("QUOTA_EXCEEDED", 403, "Quota 'CPUS' exceeded. Limit: 8.0 in region us-east1."),
    "capacity": (
        "ZONE_RESOURCE_POOL_EXHAUSTED",
        503,
        f"The zone '{ZONE}' does not have enough resources available to fulfill the request.",
    ),
    "throttled": ("RESOURCE_OPERATION_RATE_EXCEEDED", 403, "Operation rate exceeded."),
}
REFUSED = {
    "denied": ("forbidden", 403, "Required 'compute.instances.create' permission."),
    "broken": ("backendError", 503, "Backend Error"),
}


class GceOracle(ComputeOracle):
    """A fake, seen from within."""

    def __init__(self, server: FakeGce) -> None:
        self._server = server

    def count(self, name: str) -> int:
        return sum(machine.name == name for machine in self._server.machines)

    def alive(self, id: str) -> bool:
        return any(real.is_on for real in self._server.real(*id.split("/")))

    def kill(self, id: str) -> None:
        """Somebody deletes it: what only crashes would stay, switched off."""
        self._server.crash(*id.split("/"), deletes=True)

    def hang(self, id: str) -> None:
        real = self._server.machine(*id.split("/")).real
        assert real is not None
        real.hang()

    def preempt(self, id: str, notice: float) -> None:
        zone, _, name = id.partition("/")
        self._server.preempt(zone, name, notice)

    def expire(self, id: str) -> None:
        limit = self._server.machine(*id.split("/")).scheduling["maxRunDuration"]
        self._server.advance(float(limit["seconds"]))

    def refuse(self, why: Refusal, times: int = 1) -> None:
        if why in FAILED:
            code, status, words = FAILED[why]
            self._server.fail(code, words, status=status, times=times)
            return
        code, status, words = REFUSED[why]
        self._server.add(
            RestFault(method="POST", path=INSERTS, times=times, reply=error(code, status, words))
        )

    def lose_answer(self) -> None:
        self._server.add(RestFault(method="POST", path=INSERTS, kind="lost"))

    def hide(self, looks: int) -> None:
        self._server.hide(looks)

    def next(self, boot: Boot) -> None:
        self._server.host.next(boot)

    def keys(self, id: str) -> str:
        machine = self._server.machine(*id.split("/"))
        assert machine.metadata("block-project-ssh-keys") == "TRUE"
        return machine.metadata("ssh-keys")

    def left_behind(self) -> list[str]:
        return self._server.disks


def error(reason: str, status: int, words: str) -> Reply:
    """A request's failure, in Compute Engine's form."""
    about = {"message": words, "domain": "global", "reason": reason}
    return Reply({"error": {"code": status, "message": words, "errors": [about]}}, status)


def settings(server: FakeGce, **more: Any) -> GceSettings:
    """Of a driver that talks to a fake."""
    place = {} if "region" in more else {"zone": ZONE}
    return GceSettings(**{"project": "testing", "endpoint": server.endpoint, **place, **more})


def connect(server: FakeGce, **more: Any) -> ComputeDriver:
    """A driver that talks to a fake."""
    return connect_compute(ADAPTER, settings(server, **more))


class GceJobs:
    """Jobs on a fake, kept in a new bucket of a fake of storage."""

    def __init__(
        self, server: FakeGce, storage: FakeGcs, folder: Path, endpoint: str | None = None
    ) -> None:
        """Make the bucket.

        Args:
            folder: For the key of the account that signs.
            endpoint: Of storage, where there is something in between.
        """
        key = folder / "account.json"
        key.write_text(json.dumps(storage.account()))
        name = f"jobs-{uuid.uuid4().hex[:12]}"
        storage.make_bucket(name)
        self._server = server
        self.bucket: Callable[[], Bucket] = partial(
            open_gcs_bucket, name, endpoint=endpoint or storage.endpoint, credentials_file=str(key)
        )

    def open(self, **more: Any) -> Compute:
        """A new `Compute` of the same jobs."""
        place = settings(self._server, **more)
        connects = partial(connect_compute, ADAPTER, place)
        return Compute(connects, place, provider=ADAPTER.name, storage=self.bucket)


def gce_harness(
    server: FakeGce, storage: FakeGcs, proxy: FaultProxy, folder: Path
) -> ComputeHarness:
    """What the conformance suite is told of a fake.

    Args:
        proxy: In front of *storage*.
    """
    from google.api_core.exceptions import GoogleAPICallError

    jobs = GceJobs(server, storage, folder, proxy.endpoint)
    return ComputeHarness(
        connect=lambda: connect(server),
        oracle=GceOracle(server),
        open_compute=jobs.open,
        storage=jobs.bucket(),
        proxy=proxy,
        machine="e2-small",
        image="ubuntu-24.04",
        unknown_id=f"{ZONE}/there-is-none",
        sdk_errors=(GoogleAPICallError,),
    )
