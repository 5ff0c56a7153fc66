"""Starting the servers of S3, and what is told of them."""

from __future__ import annotations

import base64
import socket
import time
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from portable.testing.servers import (
    S3Server,
    ServerUnavailable,
    ministack,
    moto_server,
    seaweedfs,
    skip_or_fail,
)

STARTERS: dict[str, Callable[[], AbstractContextManager[S3Server]]] = {
    "moto": moto_server,
    "ministack": ministack,
    "seaweedfs": seaweedfs,
}


BUCKET = "bucket"


def started(stack: ExitStack, name: str) -> S3Server:
    try:
        return stack.enter_context(STARTERS[name]())
    except ServerUnavailable as error:
        skip_or_fail(error)


def code(caught: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def leftovers(home: Path, port: int = 0) -> list[str]:
    """Folders, processes that run in them, socket files, and *port* if something listens."""
    found = [str(path) for path in home.glob("portable-*")]
    offsets = range(8)
    ports = {port + offset for offset in offsets} | {port + 10_000 + offset for offset in offsets}
    sockets = Path("/tmp").glob("seaweedfs-*.sock")
    found += [str(path) for path in sockets if int(path.stem.rpartition("-")[2]) in ports]
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if entry.readlink().is_relative_to(home):
                found.append(str(entry))
        except OSError:
            pass  # it ended, or is somebody else's
    with socket.socket() as probe:
        if port and probe.connect_ex(("127.0.0.1", port)) == 0:
            found.append(f"port {port}")
    return found


def wait_for(is_true: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not is_true() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert is_true()
