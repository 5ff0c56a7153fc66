"""A fake cluster, a driver that talks to it, and moto's S3 for jobs."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from portable.compute.driver import ComputeDriver, Launch
from portable.compute.needs import Needs
from portable.testing.fakes.kubernetes import FakeKubernetes
from portable.testing.faults import FaultProxy
from portable.testing.servers import ServerUnavailable, make_bucket, moto_server, skip_or_fail
from portable.testing.targets import kubernetes, s3

STAYS = "#!/bin/sh\nwhile :; do sleep 0.1; done\n"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    s3.isolate(monkeypatch)
    kubernetes.isolate(monkeypatch)


@pytest.fixture
def server() -> Iterator[FakeKubernetes]:
    """Answers come in pages of three."""
    with FakeKubernetes(page=3) as server:
        yield server


@pytest.fixture
def driver(server: FakeKubernetes) -> Iterator[ComputeDriver]:
    driver = kubernetes.connect(server)
    yield driver
    driver.close()


@pytest.fixture
def wanted() -> Callable[..., Launch]:
    def make(needs: Needs | None = None, **changes: Any) -> Launch:
        usual: dict[str, Any] = {
            "name": f"pt-{uuid.uuid4().hex[:12]}",
            "token": str(uuid.uuid4()),
            "needs": needs or Needs(),
            "image": kubernetes.IMAGE,
            "boot": STAYS,
            "tags": {"portable": "1"},
            "lifetime": 600.0,
        }
        return Launch(**(usual | changes))

    return make


@pytest.fixture(scope="session")
def proxy() -> Iterator[FaultProxy]:
    """In front of moto, for jobs' storage."""
    with ExitStack() as stack:
        try:
            moto = stack.enter_context(moto_server())
        except ServerUnavailable as error:
            skip_or_fail(error)
        make_bucket(moto, kubernetes.BUCKET)
        port = int(moto.endpoint.rpartition(":")[2])
        yield stack.enter_context(FaultProxy(port))
