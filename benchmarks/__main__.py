"""Run everything, or what is named: `python -m benchmarks [s3] [local] [memory] [folders]`.

`--rounds 7`. Only when it is named, since it moves much: `peak --gib 10`.
"""

from __future__ import annotations

import argparse

from benchmarks import folders, local, memory, peak, s3
from benchmarks.timing import as_table, machine


def main() -> None:
    """Print Markdown tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("what", nargs="*", default=["s3", "local", "memory", "folders"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--gib", type=int, default=10)
    options = parser.parse_args()
    print(machine("portable-cloud", "boto3", "s3fs", "aiobotocore"))
    print(f"Medians of {options.rounds} rounds in which the peers take turns.\n")
    if "s3" in options.what:
        print(
            as_table("S3: one SeaweedFS on loopback", s3.run(options.rounds), "portable", "boto3")
        )
    if "local" in options.what:
        rows = local.run(options.rounds)
        print(as_table("Local files, durable", rows, "portable", "plain + fsync"))
        print(as_table("Local files, not durable", rows, "portable fast", "plain"))
    if "folders" in options.what:
        rows = folders.run(min(options.rounds, 3))
        for base in ("s5cmd", "rclone"):
            print(as_table(f"Folders, beside {base}", rows, "portable", base))
    if "peak" in options.what:
        print(peak.run(options.gib))
    if "memory" in options.what:
        print(memory.run())


if __name__ == "__main__":
    main()
