"""The same code on four clouds, none of which is reached: stand-ins on this machine answer.

The first run installs them, which takes a minute. `portable emulate aws gcp` does the same for a
shell, and `portable emulate aws -- pytest` for a whole test run.
"""

import portable
from portable.errors import AlreadyExists, Unsupported
from portable.testing import emulate

CLOUDS = ("aws", "gcp", "azure", "digitalocean")


def claim(worker: str) -> str:
    """Which of two workers may write a file that both want to."""
    try:
        portable.storage.put("runs/7/owner", worker.encode(), if_absent=True)
    except AlreadyExists:
        return f"{worker} is late"
    except Unsupported:  # where a bucket isn't known to decide it
        return f"{worker} can't know"
    return f"{worker} is first"


def main() -> None:
    with emulate(*CLOUDS):
        for cloud in CLOUDS:
            with portable.profile(cloud):
                said = ", ".join(claim(worker) for worker in ("ada", "bob"))
                print(f"{cloud:<12} {portable.open_bucket().url:<20} {said}")


if __name__ == "__main__":
    main()
