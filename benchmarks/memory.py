"""Peak memory of a 1 GiB stream, and the time of `import portable`; each in its own process."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import portable
from portable.testing.servers import make_bucket, seaweedfs

GIB = 1024**3
CHUNK = 1024**2
IMPORTS = 15


def chunks() -> Iterator[bytes]:
    """1 GiB in pieces of 1 MiB."""
    for number in range(GIB // CHUNK):
        yield number.to_bytes(4, "big") * (CHUNK // 4)


def work(what: str, url: str) -> None:
    """One stream; prints this process's peak in MiB."""
    bucket = portable.open_bucket(url)
    if what == "put":
        bucket.put("stream", chunks())
    elif what == "write":
        with bucket.open("stream", "wb") as writer:
            for chunk in chunks():
                writer.write(chunk)
    else:
        with bucket.open("stream") as reader:
            while reader.read(CHUNK):
                pass
    print(peak_mib())


def peak_mib() -> int:
    """This process's own peak; `getrusage` would tell the parent's where that is larger."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def run() -> str:
    """A Markdown table."""
    lines = ["### Memory and import", "", "| what | figure |", "|---|---:|"]
    with seaweedfs() as server:
        make_bucket(server, "memory")
        url = f"s3://memory?endpoint={server.endpoint}&region={server.region}"
        secrets = {
            "AWS_ACCESS_KEY_ID": server.access_key,
            "AWS_SECRET_ACCESS_KEY": server.secret_key,
        }
        for what, name in (
            ("put", "put of a 1 GiB generator"),
            ("write", "open(…, 'wb'), 1 GiB written"),
            ("read", "open(…, 'rb'), 1 GiB read"),
        ):
            command = [sys.executable, "-m", "benchmarks.memory", what, url]
            done = subprocess.run(command, env=secrets, capture_output=True, text=True, check=True)
            lines.append(f"| {name}: peak memory of the process | {int(done.stdout)} MiB |")
    lines.append(f"| `import portable`, above a bare interpreter | {_import_ms():.0f} ms |")
    return "\n".join(lines) + "\n"


def _import_ms() -> float:
    def once(statement: str) -> float:
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        return time.perf_counter() - begin

    pairs = [(once("import portable"), once("pass")) for _ in range(IMPORTS)]
    return 1000 * statistics.median(ours - bare for ours, bare in pairs)


if __name__ == "__main__":
    work(*sys.argv[1:])
