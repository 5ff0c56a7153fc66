"""Google Cloud by `FakeGcs`, with a service account whose tokens and signatures it checks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portable.testing.emulators._provider import BUCKET, Emulated
from portable.testing.fakes.gcs import FakeGcs


@contextmanager
def run(folder: Path) -> Iterator[Emulated]:
    """Start it, in a thread of this process."""
    with FakeGcs() as server:
        server.make_bucket(BUCKET)
        account = server.account()
        key = folder / "account.json"
        key.write_text(json.dumps(account))
        yield Emulated(
            servers={"FakeGcs": server.endpoint},
            profile={
                "provider": "gcp",
                "project": account["project_id"],
                "storage": {
                    "bucket": BUCKET,
                    "endpoint": server.endpoint,
                    "credentials_file": str(key),
                },
            },
            environment={
                "GOOGLE_APPLICATION_CREDENTIALS": str(key),
                "GOOGLE_CLOUD_PROJECT": account["project_id"],
                "STORAGE_EMULATOR_HOST": server.endpoint,
            },
        )
