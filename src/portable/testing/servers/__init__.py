"""Real S3 servers on this machine, started for tests: no account, no network once installed.

    with moto_server() as server:
        make_bucket(server, "photos")
        client(server).put_object(Bucket="photos", Key="a", Body=b"...")

Each server is a child process on a free port of 127.0.0.1 that runs from a virtual environment
of its own, made by uv the first time and kept under `$PORTABLE_TEST_CACHE` (default: the user's
cache folder). What a server stores is gone when it stops, and it stops whatever happens to the
process that started it.
"""

from portable.testing.servers._azurite import (
    AzuriteServer,
    azurite,
    container,
    make_container,
)
from portable.testing.servers._environments import cache_folder
from portable.testing.servers._fake_gcs import GcsServer, fake_gcs_server, make_gcs_bucket
from portable.testing.servers._fauxqs import fauxqs
from portable.testing.servers._ministack import ministack
from portable.testing.servers._moto import moto_server
from portable.testing.servers._postgres import PostgresServer, postgres
from portable.testing.servers._ray import RayServer, ray_cluster
from portable.testing.servers._seaweedfs import seaweedfs
from portable.testing.servers._server import (
    S3Server,
    ServerUnavailable,
    client,
    make_bucket,
    queue_client,
    required,
    running_with_bucket,
    servers_required,
    skip_or_fail,
)

__all__ = [
    "AzuriteServer",
    "GcsServer",
    "PostgresServer",
    "RayServer",
    "S3Server",
    "ServerUnavailable",
    "azurite",
    "cache_folder",
    "client",
    "container",
    "fake_gcs_server",
    "fauxqs",
    "make_bucket",
    "make_container",
    "make_gcs_bucket",
    "ministack",
    "moto_server",
    "postgres",
    "queue_client",
    "ray_cluster",
    "required",
    "running_with_bucket",
    "seaweedfs",
    "servers_required",
    "skip_or_fail",
]
