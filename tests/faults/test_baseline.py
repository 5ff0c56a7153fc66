"""The same faults under plain boto3, as it is mostly used: what the matrix is for.

Also the proof that the faults do harm: a matrix that finds nothing must not be blind.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from portable.testing.servers import client

from .catalogue import DOWN, Cell, cells
from .dialect import BUCKET
from .operations import OPERATIONS
from .report import FIGURES
from .s3 import S3Store
from .scenes import SMALL
from .stage import Stage

KEY = "kept/small"


def _read_all(s3: Any) -> bytes:
    body: bytes = s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read()
    return body


def _read_pieces(s3: Any) -> bytes:
    body = s3.get_object(Bucket=BUCKET, Key=KEY)["Body"]
    return b"".join(iter(lambda: body.read(4096), b""))


def _read_exactly(s3: Any) -> bytes:
    answer = s3.get_object(Bucket=BUCKET, Key=KEY)
    body: bytes = answer["Body"].read(answer["ContentLength"])
    return body


def _read_inside_with(s3: Any) -> bytes:
    with s3.get_object(Bucket=BUCKET, Key=KEY)["Body"] as body:
        data: bytes = body.read()
    return data


def _download(s3: Any) -> bytes:
    file = io.BytesIO()
    s3.download_fileobj(BUCKET, KEY, file)
    return file.getvalue()


WAYS: dict[str, Callable[[Any], bytes]] = {
    "Body.read()": _read_all,
    "Body.read(n) in a loop": _read_pieces,
    "Body.read(ContentLength)": _read_exactly,
    "with Body": _read_inside_with,
    "download_fileobj": _download,
}


def _tried(stage: Stage, s3: Any, way: Callable[[Any], bytes], cell: Cell) -> str:
    stage.proxy.clear()
    stage.proxy.add(cell.fault(stage.dialect))
    try:
        data = way(s3)
    except Exception:  # noqa: BLE001 - which one is not the point
        return "error"
    return "right" if data == SMALL else "silent"


def test_plain_boto3_returns_wrong_bytes_without_an_error(
    stage: Stage, request: pytest.FixtureRequest
) -> None:
    """Its usual settings, its own retries on; an object with a checksum."""
    stage.keep(KEY, SMALL)
    operation = OPERATIONS["get small"]
    assert isinstance(stage.store, S3Store)
    there = replace(stage.store.server, endpoint=stage.proxy.endpoint)
    s3 = client(
        there,
        retries={"mode": "standard", "total_max_attempts": 2},
        read_timeout=2,
        connect_timeout=2,
    )
    silent = {}
    lines = ["| plain boto3 | cells | right | error | silent |", "|---|--:|--:|--:|--:|"]
    for name, way in WAYS.items():
        tried = Counter(
            _tried(stage, s3, way, cell)
            for row in (*DOWN, "500 InternalError")
            for cell in cells(stage.dialect, operation, row, ["get"], every=False)
        )
        silent[name] = tried["silent"]
        numbers = " | ".join(str(tried[verdict]) for verdict in ("right", "error", "silent"))
        lines.append(f"| {name} | {sum(tried.values())} | {numbers} |")
    s3.close()
    request.node.user_properties.append((FIGURES, "\n".join(lines)))
    assert sum(silent.values()) > 0
