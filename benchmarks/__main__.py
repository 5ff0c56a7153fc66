"""Run everything, or what is named: `make bench ARGS="small large --rounds 7"`.

Not among everything, since it moves much: `peak --gib 10`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NamedTuple

from benchmarks import (
    clouds,
    compute,
    folders,
    keys,
    large,
    listing,
    local,
    memory,
    on_ray,
    overhead,
    peak,
    peers,
    queue_overhead,
    queues,
    small,
)
from benchmarks.timing import Row, as_table, machine, processor_table

PACKAGES = (
    "portable-cloud",
    "obstore",
    "boto3",
    "s3fs",
    "google-cloud-storage",
    "azure-storage-blob",
)
ON_S3 = ("boto3", "s5cmd", "obstore")


class Section(NamedTuple):
    """Some rows and how they are shown."""

    title: str
    run: Callable[[int], list[Row]]
    bases: tuple[str, ...]


TABLES = {
    "small": Section("Small objects: one SeaweedFS on loopback", small.run, ON_S3),
    "large": Section("Large objects: one SeaweedFS on loopback", large.run, ON_S3),
    "list": Section("Listings: one SeaweedFS on loopback", listing.run, ON_S3),
    "folders": Section("Folders: one SeaweedFS on loopback", folders.run, ("s5cmd", "rclone")),
}
TEXTS: dict[str, Callable[[int], str]] = {
    "overhead": overhead.run,
    "azure": clouds.azure,
    "gcs": clouds.gcs,
    "local": local.run,
    "memory": lambda _: memory.run(),
    "keys": lambda _: keys.run(),
    "queue-overhead": queue_overhead.run,
    "queues": queues.run,
    "compute": compute.run,
    "ray": on_ray.run,
    "queue-idle": lambda _: queues.idle(),
}


def main() -> None:
    """Print Markdown tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    known = [*TABLES, *TEXTS]
    parser.add_argument("what", nargs="*", default=known, help=", ".join([*known, "peak"]))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--gib", type=int, default=10)
    options = parser.parse_args()
    if unknown := set(options.what) - {*known, "peak"}:
        parser.error(
            f"there is no {', '.join(sorted(unknown))}; there are {', '.join(known)}, peak"
        )
    print(f"{machine(*PACKAGES)}, {peers.versions()}.")
    print(f"Medians of {options.rounds} rounds in which the peers take turns.\n")
    for name in options.what:
        if name == "peak":
            print(peak.run(options.gib))
        elif name in TEXTS:
            print(TEXTS[name](options.rounds), flush=True)
        else:
            title, run, bases = TABLES[name]
            rows = run(options.rounds)
            print(as_table(title, rows, "portable", bases))
            print(processor_table(rows), flush=True)


if __name__ == "__main__":
    main()
