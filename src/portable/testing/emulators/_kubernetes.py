"""A cluster by `FakeKubernetes`; `FakeGcs`, which checks signatures, is its bucket.

S3's credentials are variables of the environment, and would take those away of AWS beside it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

from portable.testing.emulators._provider import BUCKET, Emulated
from portable.testing.fakes.gcs import FakeGcs
from portable.testing.fakes.kubernetes import FakeKubernetes
from portable.testing.servers import ServerUnavailable

NEEDED = ("kubernetes", "google.auth")  # by jobs, not by the stand-ins
USD_PER_HOUR = 0.05  # made up: a cluster has no price list, and `max_usd` needs a price
# Inside a pod the client would take these for its cluster's.
UNSET = ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT")


@contextmanager
def run(folder: Path) -> Iterator[Emulated]:
    """Start it, in threads of this process; pods are processes of their own."""
    if sys.platform != "linux":  # without a stand-in, jobs would go to the user's own cluster
        raise ServerUnavailable(
            "FakeKubernetes runs pods as processes of their own: it needs Linux"
        )
    for module in NEEDED:
        if find_spec(module) is None:  # to import them takes seconds
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)
    with ExitStack() as stack:
        bucket = stack.enter_context(FakeGcs())
        cluster = stack.enter_context(FakeKubernetes())
        bucket.make_bucket(BUCKET)
        key, kubeconfig = folder / "account.json", folder / "kubeconfig"
        key.write_text(json.dumps(bucket.account()))
        kubeconfig.write_text(json.dumps(_kubeconfig(cluster.endpoint)))
        yield Emulated(
            servers={"FakeGcs": bucket.endpoint, "FakeKubernetes": cluster.endpoint},
            profile={
                "provider": "kubernetes",
                "storage": {
                    "provider": "gcp",
                    "bucket": BUCKET,
                    "endpoint": bucket.endpoint,
                    "credentials_file": str(key),
                },
                "compute": {"endpoint": cluster.endpoint, "usd_per_hour": USD_PER_HOUR},
            },
            environment={"KUBECONFIG": str(kubeconfig)},
            unset=UNSET,
        )


def _kubeconfig(endpoint: str) -> dict[str, object]:
    """For the official client and other tools; JSON is YAML."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": BUCKET, "cluster": {"server": endpoint}}],
        "users": [{"name": BUCKET, "user": {}}],
        "contexts": [
            {"name": BUCKET, "context": {"cluster": BUCKET, "user": BUCKET, "namespace": "default"}}
        ],
        "current-context": BUCKET,
    }
