"""Queues over forks, kills and many processes."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from portable.queue.driver import WireMessage
from portable_local.queue import connections
from portable_local.queue.driver import SQLiteQueue
from portable_local.queue.settings import LocalQueueSettings

from .support import forked, joined

KILLS = max(12, int(os.environ.get("PORTABLE_KILLS", "200")) // 20)


def open_queue(folder: Path, *, durable: bool = False) -> SQLiteQueue:
    path = str(folder / "queues.db")
    queue = SQLiteQueue(LocalQueueSettings(path=path, name="jobs", durable=durable))
    queue.create()
    return queue


def wire(body: bytes = b"x") -> WireMessage:
    return WireMessage(body=body, attributes={})


def bodies(queue: SQLiteQueue) -> list[bytes]:
    return [message.body for message in queue.receive(1000, wait=0, lease=30)]


def integrity(folder: Path) -> object:
    with closing(sqlite3.connect(folder / "queues.db")) as connection:
        return connection.execute("PRAGMA integrity_check").fetchone()[0]


def test_a_forked_child_keeps_what_it_sends_when_its_parent_closes(tmp_path: Path) -> None:
    """A child that believed in its parent's locks would write to a log that is thrown away."""
    queue = open_queue(tmp_path)
    queue.send([wire(b"parent")])
    reader, writer = os.pipe()

    def work() -> None:
        own = open_queue(tmp_path)
        own.send([wire(b"child 1")])
        os.read(reader, 1)
        own.send([wire(b"child 2")])

    child = forked(work)
    while queue.stats().visible != 2:
        time.sleep(0.01)
    queue.close()
    with closing(sqlite3.connect(tmp_path / "queues.db")) as other:  # the last one to close
        other.execute('SELECT count(*) FROM "queue jobs"').fetchone()
    os.write(writer, b"x")
    joined([child])
    assert bodies(open_queue(tmp_path)) == [b"parent", b"child 1", b"child 2"]
    assert integrity(tmp_path) == "ok"


def test_no_connection_is_open_while_the_process_forks(tmp_path: Path) -> None:
    queue = open_queue(tmp_path)
    queue.send([wire()])
    inode = (tmp_path / "queues.db").stat().st_ino

    def work() -> None:
        open_files = [each for each in Path("/proc/self/fd").iterdir() if each.exists()]
        assert inode not in [each.stat().st_ino for each in open_files]

    joined([forked(work)])
    assert bodies(queue) == [b"x"], "the parent's queue goes on"


def test_a_fork_waits_for_the_calls_of_other_threads(tmp_path: Path) -> None:
    queue = open_queue(tmp_path)
    stop = threading.Event()
    sent: list[object] = []

    def send() -> None:
        while not stop.is_set():
            sent.extend(queue.send([wire(b"thread")]))

    thread = threading.Thread(target=send)
    thread.start()
    children = []

    def send_one() -> None:
        open_queue(tmp_path).send([wire(b"child")])

    for _ in range(8):
        children.append(forked(send_one))
        time.sleep(0.01)
    stop.set()
    thread.join()
    joined(children)
    visible = queue.stats().visible
    assert visible == len(sent) + 8
    assert integrity(tmp_path) == "ok"


@pytest.mark.parametrize("durable", [True, False])
def test_what_was_sent_survives_a_kill_of_the_sender(tmp_path: Path, durable: bool) -> None:
    """Also without `durable`: that is about power cuts."""
    open_queue(tmp_path)
    acknowledged: set[int] = set()
    number = 0
    for _ in range(KILLS // 2):
        reader, writer = os.pipe()

        def work(number: int = number, writer: int = writer) -> None:
            own = open_queue(tmp_path, durable=durable)
            while True:
                batch = [wire(b"%d" % (number + each)) for each in range(random.choice((1, 3)))]
                own.send(batch)
                for _ in batch:
                    os.write(writer, b"%020d" % number)
                    number += 1

        child = forked(work)
        os.close(writer)
        os.read(reader, 20)
        acknowledged.add(number)
        time.sleep(random.uniform(0, 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with open(reader, "rb") as pipe:
            said = pipe.read()
        acknowledged |= {int(said[at : at + 20]) for at in range(0, len(said), 20)}
        number = max(acknowledged) + 10
    queue = open_queue(tmp_path)
    stored = []
    while found := bodies(queue):
        stored += [int(body) for body in found]
    assert acknowledged <= set(stored)
    assert len(stored) == len(set(stored)), "no message is there twice"
    assert integrity(tmp_path) == "ok"


def test_checkpoints_keep_the_log_small_and_hold_the_write_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = open_queue(tmp_path)
    statements: list[str] = []
    with queue.native.session as connection:
        connection.set_trace_callback(statements.append)
    held = []
    connect = connections.Session._connect

    def watched(session: connections.Session) -> sqlite3.Connection:
        with closing(sqlite3.connect(tmp_path / "queues.db", timeout=0)) as other:
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("BEGIN IMMEDIATE")
        held.append(statements[-1])
        return connect(session)

    monkeypatch.setattr(connections.Session, "_connect", watched)
    for _ in range(3 * queue.native.checkpoint_changes):
        queue.send([wire(b"x" * 200)])
    assert held == ["BEGIN IMMEDIATE"] * 3
    size = (tmp_path / "queues.db-wal").stat().st_size
    for _ in range(10 * queue.native.checkpoint_changes):
        queue.send([wire(b"x" * 200)])
    assert (tmp_path / "queues.db-wal").stat().st_size < 2 * size
    with queue.native.session as connection:
        assert connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)


def test_a_waiting_receive_sees_what_another_process_sends(tmp_path: Path) -> None:
    queue = open_queue(tmp_path)

    def work() -> None:
        time.sleep(0.4)
        open_queue(tmp_path).send([wire(b"late")])

    child = forked(work)
    begin = time.monotonic()
    (message,) = queue.receive(1, wait=10, lease=30)
    assert message.body == b"late"
    assert time.monotonic() - begin < 5
    joined([child])


def test_an_idle_wait_costs_next_to_nothing(tmp_path: Path) -> None:
    """Of a processor; a polling loop would take all of it."""
    queue = open_queue(tmp_path)
    before = time.process_time()
    queue.receive(1, wait=1.0, lease=30)
    assert time.process_time() - before < 0.3
