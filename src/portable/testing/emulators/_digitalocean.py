"""DigitalOcean by SeaweedFS, whose conditions aren't trusted, as those of Spaces, and `FakeDroplets`.

Its queues are in its managed PostgreSQL, and here in one of this machine.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

from portable.testing.emulators._provider import BUCKET, QUEUE, Emulated
from portable.testing.fakes.droplets import FakeDroplets
from portable.testing.servers import make_bucket, postgres, seaweedfs
from portable.testing.targets.droplets import REGION as DROPLETS_REGION
from portable.testing.targets.droplets import TOKENS
from portable.testing.targets.spaces import REGION, UNSET

RUNS_MACHINES = sys.platform == "linux"
HAS_QUEUES = find_spec("psycopg") is not None  # who has no use for them needn't install it


@contextmanager
def run(_folder: Path) -> Iterator[Emulated]:
    """Start it; Droplets are processes of their own, and their API is in threads of this one."""
    with ExitStack() as stack:
        server = stack.enter_context(seaweedfs())
        make_bucket(server, BUCKET)
        servers = {server.name: server.endpoint}
        profile: dict[str, object] = {
            "provider": "digitalocean",
            "region": REGION,
            "storage": {"bucket": BUCKET, "endpoint": server.endpoint},
        }
        environment = {
            "SPACES_ACCESS_KEY_ID": server.access_key,
            "SPACES_SECRET_ACCESS_KEY": server.secret_key,
        }
        if HAS_QUEUES:
            database = stack.enter_context(postgres())
            servers["PostgreSQL"] = f"{database.host}:{database.port}"
            profile["queue"] = {
                "provider": "postgres",
                "name": QUEUE,
                "host": f"{database.host}:{database.port}",
                "database": database.database,
            }
            environment |= database.environment
        if RUNS_MACHINES:
            droplets = stack.enter_context(FakeDroplets())
            servers["FakeDroplets"] = droplets.endpoint
            profile["compute"] = {"region": DROPLETS_REGION, "endpoint": droplets.endpoint}
            environment |= {
                **dict.fromkeys(TOKENS, droplets.token),
                "DIGITALOCEAN_API_URL": droplets.endpoint,  # Terraform's name for it
            }
        yield Emulated(
            servers=servers, profile=profile, environment=environment, unset=(*UNSET, "PGSERVICE")
        )
