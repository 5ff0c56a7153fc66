"""Google Cloud by `FakeGcs`, which checks tokens and signatures, and `FakePubSub`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portable.testing.emulators._provider import BUCKET, QUEUE, Emulated
from portable.testing.fakes.gcs import FakeGcs
from portable.testing.fakes.pubsub import FakePubSub


@contextmanager
def run(folder: Path) -> Iterator[Emulated]:
    """Start it, in a thread of this process."""
    with FakeGcs() as server, FakePubSub() as pubsub:
        server.make_bucket(BUCKET)
        account = server.account()
        key = folder / "account.json"
        key.write_text(json.dumps(account))
        yield Emulated(
            servers={"FakeGcs": server.endpoint, "FakePubSub": pubsub.endpoint},
            profile={
                "provider": "gcp",
                "project": account["project_id"],
                "storage": {
                    "bucket": BUCKET,
                    "endpoint": server.endpoint,
                    "credentials_file": str(key),
                },
                "queue": {"name": QUEUE, "endpoint": pubsub.endpoint},
            },
            environment={
                "GOOGLE_APPLICATION_CREDENTIALS": str(key),
                "GOOGLE_CLOUD_PROJECT": account["project_id"],
                "STORAGE_EMULATOR_HOST": server.endpoint,
                "PUBSUB_EMULATOR_HOST": pubsub.host,
            },
        )
