"""Peak memory of syncing much: files of 1 GiB up to SeaweedFS and down again."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import portable
from benchmarks.memory import peak_mib
from portable.testing.servers import make_bucket, seaweedfs

GIB = 1024**3
BLOCK = 1024**2


def work(source: str, target: str) -> None:
    """One sync; prints the bytes, the seconds and this process's peak in MiB."""
    places = [place if "://" in place else Path(place) for place in (source, target)]
    report = portable.storage.sync(*places)
    report.raise_for_failures()
    print(report.bytes, report.seconds, peak_mib())


def run(gib: int) -> str:
    """A Markdown table."""
    lines = [
        f"### Syncing {gib} files of 1 GiB",
        "",
        "| way | MiB/s | peak memory of the process |",
        "|---|---:|---:|",
    ]
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as name, seaweedfs() as server:
        folder = Path(name).resolve()
        source = folder / "source"
        source.mkdir()
        block = os.urandom(BLOCK)
        for number in range(gib):
            with (source / f"{number}.bin").open("wb") as file:
                for place in range(GIB // BLOCK):
                    file.write(block[place:] + block[:place])
        make_bucket(server, "peak")
        url = f"s3://peak?endpoint={server.endpoint}&region={server.region}"
        environment = {
            "AWS_ACCESS_KEY_ID": server.access_key,
            "AWS_SECRET_ACCESS_KEY": server.secret_key,
            "PORTABLE_CACHE": str(folder / "cache"),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        for way, ends in (("up", (str(source), url)), ("down", (url, str(folder / "down")))):
            command = [sys.executable, "-m", "benchmarks.peak", *ends]
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=True
            )
            moved, seconds, peak = done.stdout.split()
            rate = int(moved) / float(seconds) / 1024**2
            lines.append(f"| {way} | {rate:,.0f} | {peak} MiB |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    work(*sys.argv[1:])
