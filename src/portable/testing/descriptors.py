"""What a process has open: files, sockets, pipes."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path("/dev/fd")
PATIENCE_SECONDS = 5.0  # for a stand-in in this process to notice that its client has gone


def open_now() -> Counter[str]:
    """This process's descriptors, by kind as far as the system tells."""
    kinds: Counter[str] = Counter()
    for each in FOLDER.iterdir():
        try:
            kinds[each.readlink().name.partition(":")[0]] += 1
        except OSError:
            kinds["closed meanwhile"] += 1  # such as that of the folder itself
    return kinds


def settled(most: int) -> Counter[str]:
    """What is open as soon as that is no more than *most*, or else after a while."""
    until = time.monotonic() + PATIENCE_SECONDS
    while (now := open_now()).total() > most and time.monotonic() < until:
        time.sleep(0.02)
    return now


@contextmanager
def nothing_left_open() -> Iterator[None]:
    """Fail where more are open after the block, or a moment later, than before.

    Garbage isn't collected meanwhile: what waits for that is left open.
    """
    before = open_now()
    gc.disable()
    try:
        yield
        now = settled(before.total())
    finally:
        gc.enable()
    assert now.total() <= before.total(), f"left open: {now - before} of {now}"
