"""AWS by ministack: it checks signatures, and has every service at one endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portable.testing.emulators._provider import BUCKET, QUEUE, Emulated
from portable.testing.servers import make_bucket, ministack
from portable.testing.targets.s3 import ENVIRONMENT, UNSET


@contextmanager
def run(_folder: Path) -> Iterator[Emulated]:
    """Start it."""
    with ministack() as server:
        make_bucket(server, BUCKET)
        yield Emulated(
            servers={server.name: server.endpoint},
            profile={
                "provider": "aws",
                "region": server.region,
                "endpoint": server.endpoint,
                "storage": {"bucket": BUCKET},
                "queue": {"name": QUEUE},
            },
            environment={
                **ENVIRONMENT,
                "AWS_ACCESS_KEY_ID": server.access_key,
                "AWS_SECRET_ACCESS_KEY": server.secret_key,
                "AWS_ENDPOINT_URL": server.endpoint,
            },
            unset=tuple(name for name in UNSET if name != "AWS_ENDPOINT_URL"),
        )
