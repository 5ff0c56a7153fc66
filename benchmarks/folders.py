"""A folder of small files up and down: the `portable` command beside s5cmd and rclone."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path

from benchmarks.timing import Row, measure
from portable.testing.servers import S3Server, make_bucket, seaweedfs

BUCKET = "folders"
FILES = 5000
FILE_BYTES = 16 * 1024
WORKERS = 16

Command = Callable[[str, str], list[str]]


def run(rounds: int) -> list[Row]:
    """All rows; the server is started and stopped here."""
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as folder, seaweedfs() as server:
        make_bucket(server, BUCKET)
        return _rows(Path(folder).resolve(), server, rounds)


def _rows(folder: Path, server: S3Server, rounds: int) -> list[Row]:
    source = folder / "source"
    for number in range(FILES):
        path = source / f"{number % 50:02}" / f"{number:05}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(FILE_BYTES))
    peers = _peers(server)
    environment = _environment(folder, server)
    numbers = count()

    def up(command: Command) -> None:
        place = f"up/{next(numbers)}"
        subprocess.run(command(f"{source}/", place), env=environment, check=True)

    def down(command: Command) -> None:
        place = folder / f"down-{next(numbers)}"
        place.mkdir()
        subprocess.run(command("all", f"{place}/"), env=environment, check=True)
        found = sum(len(files) for _, _, files in os.walk(place))
        assert found == FILES, (command, found)

    def again(command: Command) -> None:
        subprocess.run(command(f"{source}/", "all"), env=environment, check=True)

    # Stored by rclone: it keeps the files' times with the objects, and compares by them.
    subprocess.run(peers["rclone"](f"{source}/", "all"), env=environment, check=True)
    rows = []
    for name, work in (
        (f"{FILES:,} files of 16 KiB up", up),
        (f"{FILES:,} files of 16 KiB down", down),
        ("again, nothing changed", again),
    ):
        works = {peer: lambda work=work, each=each: work(each) for peer, each in peers.items()}
        rows.append(measure(name, "files/s", FILES, works, rounds))
    return rows


def _peers(server: S3Server) -> dict[str, Command]:
    programs = Path(sys.executable).parent

    def ours(source: str, target: str) -> list[str]:
        query = f"?endpoint={server.endpoint}&region={server.region}"
        ends = (p if p.startswith("/") else f"s3://{BUCKET}/{p}{query}" for p in (source, target))
        portable = [sys.executable, "-m", "portable"]
        return [*portable, "sync", "-q", "--workers", f"{WORKERS}", *ends]

    def s5cmd(source: str, target: str) -> list[str]:
        if source.startswith("/"):
            ends = [source, f"s3://{BUCKET}/{target}/"]
        else:
            ends = [f"s3://{BUCKET}/{source}/*", target]
        options = ["--endpoint-url", server.endpoint, "--log", "error", "--numworkers"]
        return [f"{programs}/s5cmd", *options, f"{WORKERS}", "sync", *ends]

    def rclone(source: str, target: str) -> list[str]:
        ends = [p if p.startswith("/") else f"weed:{BUCKET}/{p}" for p in (source, target)]
        options = ["--transfers", f"{WORKERS}", "--checkers", f"{WORKERS}", "-q"]
        return [f"{programs}/rclone", "copy", *options, *ends]

    return {"portable": ours, "s5cmd": s5cmd, "rclone": rclone}


def _environment(folder: Path, server: S3Server) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
        "AWS_REGION": server.region,
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_CONFIG_WEED_TYPE": "s3",
        "RCLONE_CONFIG_WEED_PROVIDER": "SeaweedFS",
        "RCLONE_CONFIG_WEED_ENDPOINT": server.endpoint,
        "RCLONE_CONFIG_WEED_ENV_AUTH": "true",
    }
