"""A consumer that writes down what it does.

``python -m tests.soak.worker URL LEDGER LEASE WORK NACKED``

A line of the ledger is one write at the end of the file, so that a kill leaves whole lines, and
ends with the process that wrote it. All times are of the clock that the processes of a machine share.
"""

from __future__ import annotations

import os
import random
import sys
import time

import portable
from portable.errors import PortableError
from portable.queue import Message, Queue

BATCH = 10
WAIT_SECONDS = 1.0


def main(url: str, ledger: str, lease: float, work: float, nacked: float) -> None:
    """Receive, work, ack, for ever."""
    file = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    queue = portable.open_queue(url)
    while True:
        try:
            _handle_some(file, queue, lease, work, nacked)
        except PortableError as error:
            _write(file, "error", repr(error))
            raise


def _handle_some(file: int, queue: Queue, lease: float, work: float, nacked: float) -> None:
    called = time.monotonic()
    messages = queue.receive(random.randint(1, BATCH), wait=WAIT_SECONDS, lease=lease)
    got = time.monotonic()
    for message in messages:
        _write(file, "got", message.id, message.body, got, called + lease)
    for message in messages:
        if time.monotonic() < called + lease * 0.7:  # else there is too little time left
            time.sleep(random.uniform(0, 2 * work))
            _settle(file, message, nacked)


def _settle(file: int, message: Message, nacked: float) -> None:
    _write(file, "done", message.id, message.body)
    before = time.monotonic()
    if random.random() < nacked:
        # Before: who is killed in the call may have given it back already.
        _write(file, "back", message.id, message.body, before)
        message.nack()
    elif message.ack():
        _write(file, "acked", message.id, message.body, before)


def _write(file: int, *words: object) -> None:
    os.write(file, (" ".join(map(str, [*words, os.getpid()])) + "\n").encode())


if __name__ == "__main__":
    url, ledger, *numbers = sys.argv[1:]
    main(url, ledger, *map(float, numbers))
