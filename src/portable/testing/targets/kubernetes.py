"""The kubernetes provider, against its fake on this machine; jobs' storage is moto's S3."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from portable.compute.compute import Compute
from portable.compute.driver import ComputeDriver
from portable.discovery import connect_compute
from portable.storage import Bucket
from portable.testing.compute import CannotHappen, ComputeHarness, ComputeOracle
from portable.testing.compute.harness import Refusal
from portable.testing.fakes.kubernetes import FakeKubernetes
from portable.testing.fakes.kubernetes.wording import status
from portable.testing.fakes.machines import Boot
from portable.testing.fakes.rest import Reply, RestFault
from portable.testing.faults import FaultProxy
from portable.testing.targets.s3 import REGION, open_s3_bucket
from portable_kubernetes import ADAPTER
from portable_kubernetes.settings import KubernetesSettings

if TYPE_CHECKING:
    import pytest

BUCKET = "jobs"
IMAGE = "python:3.12-slim"
SPOT = "cloud.google.com/gke-spot=true"
CREATES = r"/jobs$"
VARIABLES = ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT")
QUOTA = (
    'jobs.batch "pt" is forbidden: exceeded quota: team, requested: count/jobs.batch=1, '
    "used: count/jobs.batch=8, limited: count/jobs.batch=8"
)
DENIED = (
    'jobs.batch is forbidden: User "ana" cannot create resource "jobs" in API group "batch" in '
    'the namespace "default"'
)


class KubernetesOracle(ComputeOracle):
    """A fake, seen from within."""

    def __init__(self, server: FakeKubernetes) -> None:
        self._server = server

    def count(self, name: str) -> int:
        return sum(job.name == name and not job.end for job in self._server.jobs)

    def alive(self, id: str) -> bool:
        return any(real.is_on for real in self._server.real(id))

    def kill(self, id: str) -> None:
        self._server.kill(id)

    def hang(self, id: str) -> None:
        (real,) = self._server.real(id)
        real.hang()

    def preempt(self, id: str, notice: float) -> None:
        self._server.evict(id, notice)

    def expire(self, id: str) -> None:
        (job,) = [each for each in self._server.jobs if each.name == id]
        self._server.advance(float(job.spec["activeDeadlineSeconds"]))

    def refuse(self, why: Refusal, times: int = 1) -> None:
        reply = refusal(why)
        self._server.add(RestFault(method="POST", path=CREATES, times=times, reply=reply))

    def lose_answer(self) -> None:
        self._server.add(RestFault(method="POST", path=CREATES, kind="lost"))

    def next(self, boot: Boot) -> None:
        self._server.host.next(boot)

    def left_behind(self) -> list[str]:
        return [pod.name for pod in self._server.pods if not pod.is_over]


def refusal(why: Refusal) -> Reply:
    """What a cluster answers where it refuses a Job."""
    if why == "quota":
        return status(403, "Forbidden", QUOTA)
    if why == "denied":
        return status(403, "Forbidden", DENIED)
    if why == "throttled":
        words = "the server has received too many requests and has asked us to try again later"
        return Reply(status(429, "TooManyRequests", words).body, 429, {"Retry-After": "1"})
    if why == "broken":
        return status(500, "InternalError", "Internal error occurred: etcdserver: no leader")
    raise CannotHappen("a launch that is refused for want of capacity: it waits")


def isolate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the adapter see no cluster of this machine."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def settings(server: FakeKubernetes, **more: Any) -> KubernetesSettings:
    """Of a driver that talks to a fake."""
    return KubernetesSettings(**{"endpoint": server.endpoint, "spot_label": SPOT, **more})


def connect(server: FakeKubernetes, **more: Any) -> ComputeDriver:
    """A driver that talks to a fake."""
    return connect_compute(ADAPTER, settings(server, **more))


def open_kubernetes(server: FakeKubernetes, storage: Callable[[], Bucket], **more: Any) -> Compute:
    """Jobs on a fake, kept in *storage*."""
    place = settings(server, **more)
    connects = partial(connect_compute, ADAPTER, place)
    return Compute(connects, place, provider=ADAPTER.name, storage=storage)


def s3_storage(endpoint: str) -> Callable[[], Bucket]:
    """Opens a new folder of the bucket `BUCKET` on an S3 server."""
    folder = f"jobs-{uuid.uuid4().hex[:12]}"
    return partial(open_s3_bucket, BUCKET, prefix=folder, region=REGION, endpoint=endpoint)


def kubernetes_harness(server: FakeKubernetes, proxy: FaultProxy) -> ComputeHarness:
    """What the conformance suite is told of a fake.

    Args:
        proxy: In front of moto, for jobs' storage.
    """
    from kubernetes.client import ApiException

    storage = s3_storage(proxy.endpoint)
    return ComputeHarness(
        connect=lambda: connect(server),
        oracle=KubernetesOracle(server),
        open_compute=partial(open_kubernetes, server, storage),
        storage=storage(),
        proxy=proxy,
        image=IMAGE,
        sdk_errors=(ApiException,),
    )
