"""A Ray cluster on this machine: one node, its dashboard, and no Ray Client server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

from portable.testing.servers._server import ServerUnavailable

STORE_BYTES = 80 * 1024 * 1024  # the least that Ray takes is some 75 MiB
END_SECONDS = 20.0
WORDS = 2000  # of why it didn't start
_NODE = """\
import json, sys
import ray
told = ray.init(
    address="local", num_cpus=int(sys.argv[1]), include_dashboard=True, dashboard_host="127.0.0.1",
    dashboard_port=0, object_store_memory=int(sys.argv[2]), _temp_dir=sys.argv[3],
    _node_ip_address="127.0.0.1", log_to_driver=False, configure_logging=False,
).address_info
print(json.dumps({"gcs": told["gcs_address"], "dashboard": told["webui_url"]}), flush=True)
sys.stdin.read()
ray.shutdown()
"""


@dataclass(frozen=True, slots=True)
class RayServer:
    """A cluster that runs.

    Attributes:
        dashboard: Host and port of the Jobs API.
        address: What `ray.init` takes, and RAY_ADDRESS.
    """

    dashboard: str
    address: str


@contextmanager
def ray_cluster(cpus: int = 2) -> Iterator[RayServer]:
    """Start one, of the Python that runs here; it ends with the block or with this process.

    It asks for no token, and listens on this machine.

    Raises:
        ServerUnavailable: Ray isn't installed with its dashboard, or doesn't start.
    """
    if find_spec("ray") is None or find_spec("aiohttp_cors") is None:
        raise ServerUnavailable(
            "Ray and its dashboard aren't installed: pip install 'ray[default]'"
        )
    folder = tempfile.mkdtemp(prefix="ray-")  # short: a socket's path has at most 107 characters
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    said = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
    node = subprocess.Popen(
        [sys.executable, "-c", _NODE, str(cpus), str(STORE_BYTES), folder],
        env={**kept, "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=said,
        start_new_session=True,
        text=True,
    )
    assert node.stdin is not None
    assert node.stdout is not None
    try:
        line = node.stdout.readline()
        if not line.startswith("{"):
            said.seek(0)
            last = said.read().decode(errors="replace").strip()[-WORDS:]
            raise ServerUnavailable(f"Ray didn't start: {last}")
        told = json.loads(line)
        yield RayServer(dashboard=told["dashboard"], address=told["gcs"])
    finally:
        node.stdin.close()
        try:
            node.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            node.kill()
            node.wait()
        node.stdout.close()
        said.close()
        shutil.rmtree(folder, ignore_errors=True)
