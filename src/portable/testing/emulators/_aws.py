"""AWS by ministack, which checks signatures, and machines that run by moto with `FakeEc2`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from portable.testing.emulators._provider import BUCKET, QUEUE, Emulated
from portable.testing.emulators._starting import side_by_side
from portable.testing.fakes.ec2 import FakeEc2
from portable.testing.servers import S3Server, make_bucket, ministack, moto_server
from portable.testing.targets.s3 import ENVIRONMENT, UNSET

RUNS_MACHINES = sys.platform == "linux"


@contextmanager
def run(_folder: Path) -> Iterator[Emulated]:
    """Start it."""
    starts: dict[str, Callable[[], AbstractContextManager[S3Server]]] = {"ministack": ministack}
    if RUNS_MACHINES:
        starts["moto"] = moto_server
    with ExitStack() as stack:
        running = stack.enter_context(side_by_side(starts))
        server = running["ministack"]
        make_bucket(server, BUCKET)
        servers = {server.name: server.endpoint}
        profile = {
            "provider": "aws",
            "region": server.region,
            "endpoint": server.endpoint,
            "storage": {"bucket": BUCKET, "checksums": "when_required"},  # it has none of parts
            "queue": {"name": QUEUE},
        }
        environment = {
            **ENVIRONMENT,
            "AWS_ACCESS_KEY_ID": server.access_key,
            "AWS_SECRET_ACCESS_KEY": server.secret_key,
            "AWS_ENDPOINT_URL": server.endpoint,
        }
        if RUNS_MACHINES:
            ec2 = stack.enter_context(FakeEc2(running["moto"].endpoint))
            servers["FakeEc2"] = ec2.endpoint
            profile["compute"] = {"endpoint": ec2.endpoint}
            environment["AWS_ENDPOINT_URL_EC2"] = ec2.endpoint
        yield Emulated(
            servers=servers,
            profile=profile,
            environment=environment,
            unset=tuple(name for name in UNSET if name not in environment),
        )
