"""Power cuts: what `send` did is there, and with it what was acked before. See `test_power_cut`.

Without ``durable`` something has to be lost, or the test sees nothing.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from portable.queue.driver import WireMessage
from portable_local.queue.driver import SQLiteQueue
from portable_local.queue.settings import LocalQueueSettings

from .support import forked
from .test_power_cut import CUTS, Disk

pytestmark = [pytest.mark.soak, pytest.mark.timeout(60 + CUTS * 8)]


def open_queue(folder: Path, *, durable: bool) -> SQLiteQueue:
    path = str(folder / "queues.db")
    queue = SQLiteQueue(LocalQueueSettings(path=path, name="jobs", durable=durable))
    queue.create()
    return queue


def work(folder: Path, log: int, *, durable: bool) -> None:
    """Send two, ack one, for ever; say before an ack what it is for, and afterwards what is done."""
    queue = open_queue(folder, durable=durable)
    number = 0
    while True:
        batch = [number, number + 1]
        queue.send([WireMessage(body=b"%d" % each, attributes={}) for each in batch])
        os.write(log, b"sent %d %d\n" % tuple(batch))
        number += 2
        (message,) = queue.receive(1, wait=0, lease=3600)
        os.write(log, b"acking %s\n" % message.body)
        queue.ack([message.receipt])
        os.write(log, b"acked %s\n" % message.body)


def wrong_after_one_cut(folder: Path, *, durable: bool) -> int:
    """How many sends were lost, and how many acks that a later send should have kept."""
    try:
        disk = Disk(folder)
    except OSError as error:
        pytest.skip(f"can't mount a loop device here: {error}")
    log = os.open(folder / "log", os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    child = forked(lambda: work(disk.mount, log, durable=durable))
    try:
        time.sleep(random.uniform(0.2, 0.7))
        os.kill(child, signal.SIGSTOP)
        said: dict[str, set[int]] = {"sent": set(), "acking": set(), "acked": set()}
        kept: set[int] = set()
        for line in (folder / "log").read_text(encoding="utf-8").splitlines():
            word, *numbers = line.split()
            said[word] |= set(map(int, numbers))
            if word == "sent":
                kept |= said["acked"]
        after = disk.cut()
        if not (after / "queues.db").exists():
            return len(said["sent"])
        open_queue(after, durable=durable).close()
        with closing(sqlite3.connect(after / "queues.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            rows = connection.execute('SELECT body FROM "queue jobs"')
            stored = {int(body) for (body,) in rows}
        return len(said["sent"] - said["acking"] - stored) + len(kept & stored)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(log)
        disk.close()


def test_a_power_cut_undoes_no_send_and_no_ack_before_it(tmp_path: Path) -> None:
    wrong = [wrong_after_one_cut(tmp_path, durable=True) for _ in range(CUTS // 2)]
    assert wrong == [0] * len(wrong)


def test_the_power_cut_is_real(tmp_path: Path) -> None:
    assert any(wrong_after_one_cut(tmp_path, durable=False) for _ in range(5))
