"""Who is measured beside portable on one S3 server: clients in this process, and commands."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import s3fs
from botocore.config import Config
from obstore.store import S3Store

import portable
from portable.testing.servers import S3Server, make_bucket, seaweedfs

if TYPE_CHECKING:
    from portable.storage import Bucket

BUCKET = "bench"
CONNECTIONS = 64
WORKERS = 16
PROGRAMS = Path(sys.executable).parent
MEMORY = Path("/dev/shm")  # so that no disk decides what a command's files cost

# From a folder (ending in /), a file or a key (ending in / for all below it) to another.
Command = Callable[[str, str], list[str]]


@contextmanager
def at_seaweedfs() -> Iterator[Peers]:
    """Everybody, on a SeaweedFS of their own."""
    with seaweedfs() as server, folder() as home:
        make_bucket(server, BUCKET)
        os.environ.update(_credentials(server))
        yield Peers(server, home)


@contextmanager
def folder(where: Path = MEMORY) -> Iterator[Path]:
    """A temporary folder, in memory where there is such a place."""
    place = where if where.is_dir() else Path()
    with tempfile.TemporaryDirectory(dir=place, prefix=".bench-") as name:
        yield Path(name).resolve()


@dataclass
class Peers:
    """Clients and commands of one server.

    Attributes:
        home: What commands take for the user's folder.
    """

    server: S3Server
    home: Path

    def url(self, prefix: str = "") -> str:
        """A portable URL below the bucket."""
        place = f"s3://{BUCKET}/{prefix}".rstrip("/")
        return f"{place}?endpoint={self.server.endpoint}&region={self.server.region}"

    def bucket(self, prefix: str = "") -> Bucket:
        """Portable's, as it comes."""
        return portable.open_bucket(self.url(prefix))

    @cached_property
    def boto3(self) -> Any:
        """Its client; the pool has room for all threads."""
        return boto3.client(
            "s3",
            endpoint_url=self.server.endpoint,
            region_name=self.server.region,
            config=Config(max_pool_connections=CONNECTIONS, s3={"addressing_style": "path"}),
        )

    @cached_property
    def s3fs(self) -> Any:
        """Its file system; nothing is cached."""
        return s3fs.S3FileSystem(
            endpoint_url=self.server.endpoint,
            client_kwargs={"region_name": self.server.region},
            config_kwargs={"max_pool_connections": CONNECTIONS},
            use_listings_cache=False,
        )

    def obstore(self, **settings: Any) -> S3Store:
        """Its store."""
        return S3Store(
            BUCKET,
            endpoint=self.server.endpoint,
            region=self.server.region,
            access_key_id=self.server.access_key,
            secret_access_key=self.server.secret_key,
            client_options={"allow_http": True},
            **settings,
        )

    def portable(self, source: str, target: str) -> list[str]:
        """`portable sync`."""
        ends = (end if end.startswith("/") else self.url(end) for end in (source, target))
        command = [sys.executable, "-m", "portable", "sync", "-q", "--workers", f"{WORKERS}"]
        return [*command, *ends]

    def s5cmd(self, source: str, target: str, verb: str = "cp") -> list[str]:
        """`s5cmd`; with "sync" only what differs is sent."""
        ends = [source, target]
        for place, end in enumerate(ends):
            if not end.startswith("/"):
                ends[place] = f"s3://{BUCKET}/{end}"
        if ends[0].startswith("s3:") and source.endswith("/"):
            ends[0] += "*"
        options = ["--endpoint-url", self.server.endpoint, "--log", "error"]
        return [f"{PROGRAMS}/s5cmd", *options, "--numworkers", f"{WORKERS}", verb, *ends]

    def rclone(self, source: str, target: str) -> list[str]:
        """`rclone copy`, of a file `rclone copyto`."""
        ends = [end if end.startswith("/") else f"weed:{BUCKET}/{end}" for end in (source, target)]
        verb = "copy" if source.endswith("/") else "copyto"
        options = ["--transfers", f"{WORKERS}", "--checkers", f"{WORKERS}", "-q"]
        return [f"{PROGRAMS}/rclone", verb, *options, *ends]

    def s5cmd_list(self, prefix: str) -> list[str]:
        """`s5cmd ls`."""
        options = ["--endpoint-url", self.server.endpoint]
        return [f"{PROGRAMS}/s5cmd", *options, "ls", f"s3://{BUCKET}/{prefix}*"]

    def rclone_list(self, prefix: str) -> list[str]:
        """`rclone lsf`, with what a listing tells and no request for each key."""
        options = ["-R", "--files-only", "--format", "ps", "--fast-list"]
        return [f"{PROGRAMS}/rclone", "lsf", *options, f"weed:{BUCKET}/{prefix}"]

    def run(self, command: list[str]) -> None:
        """Run a command; what it prints is an error's."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "RCLONE_CONFIG": "/dev/null",
            "RCLONE_CONFIG_WEED_TYPE": "s3",
            "RCLONE_CONFIG_WEED_PROVIDER": "SeaweedFS",
            "RCLONE_CONFIG_WEED_ENDPOINT": self.server.endpoint,
            "RCLONE_CONFIG_WEED_ENV_AUTH": "true",
            **_credentials(self.server),
        }
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)


def _credentials(server: S3Server) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
        "AWS_REGION": server.region,
    }


def versions() -> str:
    """Of the commands."""

    def first_line(*command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.split("\n")[0]

    s5cmd = first_line(f"{PROGRAMS}/s5cmd", "version").partition("-")[0]
    rclone = first_line(f"{PROGRAMS}/rclone", "version").removeprefix("rclone ")
    return f"s5cmd {s5cmd.removeprefix('v')}, rclone {rclone.removeprefix('v')}"
