"""Keep a folder of data in a bucket, and bring it to another machine.

Runs on the local default. The same script on S3: PORTABLE_PROFILE=aws and a bucket's name.
"""

import csv
import random
from pathlib import Path

import portable

DATASET = "datasets/walks"


def make(folder: Path, walks: int) -> None:
    """Random walks, one a file, as any tool would leave them on a disk."""
    folder.mkdir(exist_ok=True)
    for number in range(walks):
        steps = random.Random(number)
        place = 0.0
        with (folder / f"{number:03}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            for _ in range(200):
                place += steps.gauss(0, 1)
                writer.writerow([f"{place:.3f}"])


def tell(what: str, report: portable.storage.TransferReport) -> None:
    """What was done, and what wasn't."""
    print(f"{what:<9} sent {report.sent}, skipped {report.skipped}, deleted {report.deleted}")
    for failure in report.failures:
        print(f"  {failure.name}: {failure.reason}")


if __name__ == "__main__":
    here, there = Path("walks"), Path("elsewhere")
    make(here, walks=20)
    tell("upload", portable.storage.upload(here, DATASET))
    tell("again", portable.storage.upload(here, DATASET))

    # One file is edited to the same length, one is gone.
    first = here / "000.csv"
    first.write_text(first.read_text()[::-1])
    (here / "019.csv").unlink()
    tell("dry run", portable.storage.sync(here, DATASET, delete=True, dry_run=True))
    tell("sync", portable.storage.sync(here, DATASET, delete=True))

    tell("download", portable.storage.download(DATASET, there))
    same = all(path.read_bytes() == (there / path.name).read_bytes() for path in here.iterdir())
    print("the same here and there:", same)
