"""Free ports that no other test process of this machine takes meanwhile."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from portable.testing.servers._environments import cache_folder
from portable.testing.servers._server import ServerUnavailable

FIRST = 10_000
LAST = 32_000  # above begin the ports that Linux gives to outgoing connections
TRIES = 200


@contextmanager
def reserved(offsets: Sequence[int] = (0,)) -> Iterator[tuple[int, int]]:
    """Reserve a port P for which P + offset is free for each of *offsets*.

    Yields:
        P, and the descriptor that holds the reservation for as long as any process has it open.
    """
    import fcntl

    folder = cache_folder() / "ports"
    folder.mkdir(parents=True, exist_ok=True)
    # Blocks, so that two reservations overlap in all of their ports or in none.
    size = 10
    starts = range(FIRST, LAST - max(offsets) - size, size)
    for _ in range(TRIES):
        port = random.choice(starts)
        descriptor = os.open(folder / f"{port}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if all(_is_free(port + offset) for offset in offsets):
                yield port, descriptor
                return
        finally:
            os.close(descriptor)
    raise ServerUnavailable(f"no free ports found between {FIRST} and {LAST}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ignore what lingers
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
