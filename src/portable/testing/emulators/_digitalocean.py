"""DigitalOcean's Spaces by SeaweedFS, whose conditions aren't trusted, as those of Spaces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portable.testing.emulators._provider import BUCKET, Emulated
from portable.testing.servers import make_bucket, seaweedfs
from portable.testing.targets.spaces import REGION, UNSET


@contextmanager
def run(_folder: Path) -> Iterator[Emulated]:
    """Start it."""
    with seaweedfs() as server:
        make_bucket(server, BUCKET)
        yield Emulated(
            servers={server.name: server.endpoint},
            profile={
                "provider": "digitalocean",
                "region": REGION,
                "storage": {"bucket": BUCKET, "endpoint": server.endpoint},
            },
            environment={
                "SPACES_ACCESS_KEY_ID": server.access_key,
                "SPACES_SECRET_ACCESS_KEY": server.secret_key,
            },
            unset=UNSET,
        )
