"""Peak memory of a sync by how many keys there are; listings are made up as they are asked for.

Bytes of objects cost what `peak` shows. Here both sides only list, so that what grows with the
number of keys, if anything does, isn't lost among the rest.
"""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

from benchmarks.memory import peak_mib
from portable.storage.driver import Page, StoredObject
from portable_memory.storage import MemoryStorage

COUNTS = (1_000, 100_000, 1_000_000)
NOW = datetime.now(UTC)


class Endless(MemoryStorage):
    """A bucket whose name is the number of the objects that it seems to hold."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self._size = int(settings.name)

    def list(self, prefix: str, *, token: str | None, limit: int, **_: Any) -> Page:
        """Keys as long as real ones."""
        first = int(token or 0)
        last = min(first + limit, self._size)
        objects = [
            StoredObject(
                key=f"{prefix}train/shard-{number:09}.jpg",
                size=number,
                revision=f"{number:032x}",
                last_modified=NOW,
                crc32=number,
            )
            for number in range(first, last)
        ]
        return Page(objects, (), str(last) if last < self._size else None)


def work(source: str, target: str) -> None:
    """One plan; prints what it found, the seconds and this process's peak in MiB."""
    from portable.storage.bucket import Bucket
    from portable_memory.settings import MemorySettings

    def opened(size: str) -> Bucket:
        settings = MemorySettings(name=size)
        return Bucket(lambda: Endless(settings), settings, provider="memory")

    begin = time.monotonic()
    one, other = opened(source), opened(target)
    report = one.sync(one, other, delete=True, dry_run=True)
    found = report.skipped + report.deleted
    print(found, time.monotonic() - begin, peak_mib())


def run() -> str:
    """A Markdown table."""
    lines = [
        "### Planning a sync of many keys",
        "",
        "| keys | compared: seconds | peak memory | to be deleted: seconds | peak memory |",
        "|---:|---:|---:|---:|---:|",
    ]
    for count in COUNTS:
        told = [f"{count:,}"]
        for source, target in ((count, count + 1), (1, count + 1)):
            command = [sys.executable, "-m", "benchmarks.keys", str(source), str(target)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found, seconds, peak = done.stdout.split()
            assert int(found) == count + 1, done.stdout
            told += [f"{float(seconds):.1f}", f"{peak} MiB"]
        lines.append(f"| {' | '.join(told)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    work(*sys.argv[1:])
