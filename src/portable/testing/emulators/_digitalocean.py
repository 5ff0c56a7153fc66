"""DigitalOcean's Spaces by SeaweedFS, whose conditions aren't trusted, as those of Spaces, and Droplets."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from portable.testing.emulators._provider import BUCKET, Emulated
from portable.testing.fakes.droplets import FakeDroplets
from portable.testing.servers import make_bucket, seaweedfs
from portable.testing.targets.droplets import REGION as DROPLETS_REGION
from portable.testing.targets.droplets import TOKENS
from portable.testing.targets.spaces import REGION, UNSET

RUNS_MACHINES = sys.platform == "linux"


@contextmanager
def run(_folder: Path) -> Iterator[Emulated]:
    """Start it; Droplets are processes of their own, and their API is in threads of this one."""
    with ExitStack() as stack:
        server = stack.enter_context(seaweedfs())
        make_bucket(server, BUCKET)
        servers = {server.name: server.endpoint}
        profile = {
            "provider": "digitalocean",
            "region": REGION,
            "storage": {"bucket": BUCKET, "endpoint": server.endpoint},
        }
        environment = {
            "SPACES_ACCESS_KEY_ID": server.access_key,
            "SPACES_SECRET_ACCESS_KEY": server.secret_key,
        }
        if RUNS_MACHINES:
            droplets = stack.enter_context(FakeDroplets())
            servers["FakeDroplets"] = droplets.endpoint
            profile["compute"] = {"region": DROPLETS_REGION, "endpoint": droplets.endpoint}
            environment |= {
                **dict.fromkeys(TOKENS, droplets.token),
                "DIGITALOCEAN_API_URL": droplets.endpoint,  # Terraform's name for it
            }
        yield Emulated(servers=servers, profile=profile, environment=environment, unset=UNSET)
