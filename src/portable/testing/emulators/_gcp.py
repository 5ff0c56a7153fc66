"""Google Cloud by `FakeGcs`, which checks tokens and signatures, `FakePubSub` and `FakeGce`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from portable.testing.emulators._provider import BUCKET, QUEUE, Emulated
from portable.testing.fakes.gce import FakeGce
from portable.testing.fakes.gcs import FakeGcs
from portable.testing.fakes.pubsub import FakePubSub

RUNS_MACHINES = sys.platform == "linux"
ZONE = "us-east1-b"


@contextmanager
def run(folder: Path) -> Iterator[Emulated]:
    """Start it, in threads of this process; machines are processes of their own."""
    with ExitStack() as stack:
        server = stack.enter_context(FakeGcs())
        pubsub = stack.enter_context(FakePubSub())
        server.make_bucket(BUCKET)
        account = server.account()
        key = folder / "account.json"
        key.write_text(json.dumps(account))
        servers = {"FakeGcs": server.endpoint, "FakePubSub": pubsub.endpoint}
        profile = {
            "provider": "gcp",
            "project": account["project_id"],
            "storage": {
                "bucket": BUCKET,
                "endpoint": server.endpoint,
                "credentials_file": str(key),
            },
            "queue": {"name": QUEUE, "endpoint": pubsub.endpoint},
        }
        environment = {
            "GOOGLE_APPLICATION_CREDENTIALS": str(key),
            "GOOGLE_CLOUD_PROJECT": account["project_id"],
            "STORAGE_EMULATOR_HOST": server.endpoint,
            "PUBSUB_EMULATOR_HOST": pubsub.host,
        }
        if RUNS_MACHINES:
            engine = stack.enter_context(FakeGce(project=account["project_id"]))
            servers["FakeGce"] = engine.endpoint
            profile["compute"] = {"zone": ZONE, "endpoint": engine.endpoint}
            # Of gcloud; Google's own client of Compute Engine looks at no variable.
            override = f"{engine.endpoint}/compute/v1/"
            environment["CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE"] = override
        yield Emulated(servers=servers, profile=profile, environment=environment)
