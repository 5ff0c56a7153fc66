"""portable's local provider and plain files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import portable
from benchmarks.timing import Call, Row, Work, as_table, many, measure

SMALL_BYTES = 16 * 1024
LARGE_BYTES = 64 * 1024**2
OBJECTS = 300


def run(rounds: int) -> str:
    """Markdown tables; the files are in a temporary folder of the working directory's disk."""
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as folder:
        rows = _rows(Path(folder), rounds)
    durable = as_table("Local files, durable", rows, "portable", ["plain + fsync"])
    fast = as_table("Local files, not durable", rows, "portable fast", ["plain"])
    return f"{durable}\n{fast}"


def _rows(folder: Path, rounds: int) -> list[Row]:
    full = portable.open_bucket(f"file://{folder.resolve()}/full")
    fast = portable.open_bucket(f"file://{folder.resolve()}/fast?durability=fast")
    plain = folder / "plain"
    plain.mkdir()
    small, large = os.urandom(SMALL_BYTES), os.urandom(LARGE_BYTES)

    def writes(data: bytes) -> dict[str, Call]:
        return {
            "portable": lambda i: full.put(f"{i}", data),
            "plain + fsync": lambda i: _write(plain / f"{i}", data, sync=True),
            "portable fast": lambda i: fast.put(f"{i}", data),
            "plain": lambda i: _write(plain / f"{i}", data, sync=False),
        }

    reads: dict[str, Call] = {
        "portable": lambda i: full.get(f"{i}"),
        "plain + fsync": lambda i: (plain / f"{i}").read_bytes(),
        "portable fast": lambda i: fast.get(f"{i}"),
        "plain": lambda i: (plain / f"{i}").read_bytes(),
    }
    return [
        measure("put 16 KiB", "objects/s", OBJECTS, _all(writes(small), OBJECTS), rounds),
        measure("get 16 KiB", "objects/s", OBJECTS, _all(reads, OBJECTS), rounds),
        measure("put 64 MiB", "MiB/s", LARGE_BYTES / 1024**2, _all(writes(large), 1), rounds),
        measure("get 64 MiB", "MiB/s", LARGE_BYTES / 1024**2, _all(reads, 1), rounds),
    ]


def _all(calls: Mapping[str, Call], times: int) -> dict[str, Work]:
    return {peer: many(call, times) for peer, call in calls.items()}


def _write(path: Path, data: bytes, *, sync: bool) -> None:
    with path.open("wb") as file:
        file.write(data)
        if sync:
            file.flush()
            os.fsync(file.fileno())
