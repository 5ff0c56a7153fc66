"""The file below the queues: who may read it, what isn't one, and disks that are full or locked."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

import portable
from portable.errors import (
    ConfigError,
    IntegrityError,
    NoSpace,
    QueueNotFound,
    Unavailable,
)
from portable.queue import Queue
from portable.queue.driver import WireMessage
from portable_local.queue import connections, driver, file
from portable_local.queue.driver import SQLiteQueue
from portable_local.queue.errors import meaning_of
from portable_local.queue.leases import Lease
from portable_local.queue.settings import LocalQueueSettings

RECEIPT = str(Lease(-1, 1, True))  # of a message that isn't there, until the year 2112


def open_queue(path: Path, name: str = "jobs", **settings: Any) -> SQLiteQueue:
    queue = SQLiteQueue(LocalQueueSettings(path=str(path), name=name, **settings))
    queue.create()
    return queue


def whole_queue(path: Path) -> Queue:
    return portable.open_queue(f"sqlite://{path}?name=jobs")


def wire(body: bytes = b"x", **fields: Any) -> WireMessage:
    return WireMessage(body=body, attributes={}, **fields)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "folder" / "queues.db"


def test_the_files_and_folders_are_the_owners_alone(path: Path) -> None:
    queue = open_queue(path)
    queue.send([wire()])
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert modes == dict.fromkeys(("queues.db", "queues.db-shm", "queues.db-wal"), 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700
    queue.close()
    assert [each.name for each in path.parent.iterdir()] == ["queues.db"]


def test_processes_that_make_the_file_at_once_make_one(path: Path) -> None:
    code = (
        "import sys; from tests.adapters.local.test_queue_file import *\n"
        "queue = open_queue(Path(sys.argv[1])); queue.send([wire()])"
    )
    command = [sys.executable, "-c", code, str(path)]
    children = [subprocess.Popen(command, cwd=Path(__file__).parents[3]) for _ in range(4)]
    assert [child.wait() for child in children] == [0] * 4
    assert open_queue(path).stats().visible == 4
    assert [each.name for each in path.parent.iterdir() if "queues.db" not in each.name] == []


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("dear diary " * 100)
    with pytest.raises(ConfigError, match="no SQLite database: set 'path'"):
        open_queue(path)
    assert path.read_text() == "dear diary " * 100


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE message(id)")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="another program"):
        open_queue(path)
    assert path.read_bytes() == before


def test_a_file_of_another_layout_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "LAYOUT", 7)
    open_queue(path).close()
    monkeypatch.undo()
    with pytest.raises(ConfigError, match="layout 7"):
        open_queue(path)


def test_a_damaged_file_says_how_to_save_what_is_left(path: Path) -> None:
    queue = open_queue(path)
    queue.send([wire(os.urandom(500)) for _ in range(200)])
    queue.close()
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match="recover") as caught:
        open_queue(path).receive(1, wait=0, lease=1)
    assert not caught.value.retryable


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="file is no folder"):
        open_queue(tmp_path / "file" / "queues.db")


def test_a_missing_file_is_no_queue_and_isnt_made(path: Path) -> None:
    queue = SQLiteQueue(LocalQueueSettings(path=str(path)))
    with pytest.raises(QueueNotFound):
        queue.stats()
    assert not path.parent.exists()


def test_network_file_systems_are_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = os.stat(path.parents[2]).st_dev
    mounts = path.parents[2] / "mountinfo"
    mounts.write_text(
        f"1 2 0:0 / / rw - tmpfs none rw\n"
        f"36 35 {os.major(device)}:{os.minor(device)} / /data rw shared:1 - nfs4 server:/data rw\n"
    )
    monkeypatch.setattr(file, "_MOUNTS", mounts)
    with pytest.raises(ConfigError, match=r"nfs4.*provider 'postgres'"):
        open_queue(path)


def test_a_locked_database_is_unavailable_for_a_while(path: Path) -> None:
    queue = open_queue(path, deadline=0.2)
    queue.send([wire(b"before")])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for call in (lambda: queue.send([wire()]), lambda: queue.ack([RECEIPT])):
            with pytest.raises(Unavailable, match="keeps the file locked") as caught:
                call()
            assert caught.value.retryable
            assert not caught.value.ambiguous
        assert queue.stats().visible == 1, "reading goes on"
        other.execute("ROLLBACK")
    queue.send([wire(b"after")])
    found = queue.receive(9, wait=0, lease=30)
    assert [message.body for message in found] == [b"before", b"after"]


def test_a_database_that_is_full_loses_nothing(path: Path) -> None:
    queue = open_queue(path)
    with queue.native.session as connection:
        connection.execute("PRAGMA max_page_count = 200")
    sent: list[str] = []
    with pytest.raises(NoSpace) as caught:
        fill(queue, 500, sent)
    assert not caught.value.retryable
    assert not caught.value.ambiguous
    assert queue.stats().visible == len(sent)
    with queue.native.session as connection:  # to lease a message takes some room as well
        connection.execute("PRAGMA max_page_count = 220")
    drained(queue, len(sent))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(mount)]
    made = subprocess.run(command, check=False, capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"can't mount a small disk here: {made.stderr.strip()[:80]}")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


def test_sends_stop_early_enough_for_acks_to_go_on(small_disk: Path) -> None:
    queue = open_queue(small_disk / "queues.db")
    sent: list[str] = []
    with pytest.raises(NoSpace, match="less than 16 MiB left"):
        fill(queue, 20_000, sent)
    assert len(sent) > 100
    drained(queue, len(sent))


def test_a_disk_without_a_byte_left_loses_nothing(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if others have filled it."""
    monkeypatch.setattr(driver, "RESERVE_BYTES", 0)
    queue = open_queue(small_disk / "queues.db")
    queue.send([wire(b"%d" % n) for n in range(50)])
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as full, contextlib.suppress(OSError):
        while full.write(b"f" * 4096):
            pass
    with pytest.raises(NoSpace):
        fill(queue, 5000, [""] * 50)
    with closing(
        SQLiteQueue(LocalQueueSettings(path=str(small_disk / "queues.db"), name="jobs"))
    ) as other:
        visible = other.stats().visible
        assert visible is not None
        assert visible >= 50
    filler.unlink()
    drained(queue, visible)


def fill(queue: SQLiteQueue, size: int, sent: list[str]) -> None:
    """Send until that fails."""
    while True:
        numbers = range(len(sent), len(sent) + 10)
        sent += map(str, queue.send([wire(b"%d" % number + b"x" * size) for number in numbers]))


def drained(queue: SQLiteQueue, sent: int) -> None:
    """Every message is there once, and can be acked."""
    got = []
    while found := queue.receive(7, wait=0, lease=30):
        got += [message.body.rstrip(b"x") for message in found]
        assert queue.ack([message.receipt for message in found]) == [None] * len(found)
    assert sorted(got) == sorted(b"%d" % number for number in range(sent))
    with queue.native.session as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("end", ["ack", "purge", "delete"])
@pytest.mark.parametrize("group", [None, "g"])
def test_a_long_body_stays_where_it_is_until_its_message_goes(
    path: Path, end: str, group: str | None
) -> None:
    queue = open_queue(path)
    body = os.urandom(file.BODY_MAX + 1)
    queue.send([wire(body[:-1], group=group), wire(body, group=group)])
    (first,) = queue.receive(1, wait=0, lease=30)
    queue.ack([first.receipt])
    (second,) = queue.receive(1, wait=0, lease=30)
    queue.extend([second.receipt], 0)
    (second,) = queue.receive(1, wait=0, lease=30)
    assert [first.body, second.body] == [body[:-1], body]
    with queue.native.session as connection:
        assert connection.execute("SELECT body FROM large").fetchall() == [(body,)]
        assert connection.execute('SELECT body FROM "queue jobs"').fetchall() == [(None,)]
    if end == "ack":
        queue.ack([second.receipt])
    elif end == "purge":
        queue.purge()
    else:
        queue.delete()
    with queue.native.session as connection:
        assert connection.execute("SELECT count(*) FROM large").fetchone() == (0,)


def test_ids_go_on_where_they_were_when_the_clock_is_set_back(path: Path) -> None:
    now = [2000.0]
    settings = LocalQueueSettings(path=str(path), name="jobs")
    queue, other = (SQLiteQueue(settings, clock=lambda: now[0]) for _ in range(2))
    queue.create()
    ids = [*queue.send([wire(group="g")]), *queue.send([wire()])]
    now[0] = 1000.0
    ids += [*queue.send([wire()]), *queue.send([wire(group="g")])]
    with ThreadPoolExecutor(1) as pool:  # another thread has another session
        ids += pool.submit(other.send, [wire(group="g")]).result()
    assert ids == sorted(set(map(str, ids)))


def test_sends_are_synced_and_leases_and_acks_go_along_with_them(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ack that comes long after the last sync is synced as well."""
    clock = [1000.0]
    monkeypatch.setattr(connections, "_now", lambda: clock[0])
    queue = open_queue(path)
    said: list[str] = []
    with queue.native.session as connection:
        connection.set_trace_callback(lambda statement: said.append(statement.split()[0]))
    monkeypatch.setattr(connections, "_sync", lambda _: said.append("sync"))
    queue.send([wire()])
    (message,) = queue.receive(1, wait=0, lease=30)
    (receipt,) = queue.extend([message.receipt], 30)
    assert queue.ack([str(receipt)]) == [None]
    queue.send([wire(), wire()])
    ((first, second),) = [queue.receive(2, wait=0, lease=30)]
    clock[0] += 0.9 * driver.ACKS_UNSYNCED_SECONDS
    assert queue.ack([first.receipt]) == [None]
    clock[0] += 0.2 * driver.ACKS_UNSYNCED_SECONDS
    assert queue.ack([second.receipt]) == [None]
    wrote = [each for each in said if each in ("INSERT", "UPDATE", "DELETE", "sync")]
    assert [each for each, _ in groupby(wrote)] == (
        ["INSERT", "sync", "UPDATE", "DELETE", "INSERT", "sync", "UPDATE", "DELETE", "sync"]
    )


def test_a_send_that_was_dropped_as_a_duplicate_is_synced_all_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sent the first one may not have synced it yet."""
    queue = open_queue(path)
    queue.send([wire(dedup_id="1")])
    synced: list[int] = []
    monkeypatch.setattr(connections, "_sync", synced.append)
    queue.send([wire(dedup_id="1")])
    assert len(synced) == 1


def test_a_queue_that_neednt_be_durable_is_never_synced(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(connections, "_sync", synced.append)
    queue = open_queue(path, durable=False)
    queue.send([wire()])
    (message,) = queue.receive(1, wait=0, lease=30)
    queue.ack([message.receipt])
    assert not synced


def test_a_limit_on_files_is_told_from_a_disk_that_failed(path: Path) -> None:
    """SQLite has one code for both. Nothing that was sent is harmed."""
    queue = open_queue(path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))
    try:
        queue.send([wire(b"x" * 5000)] * 10)
        with pytest.raises(NoSpace, match=r"at most 300,000 bytes.*ulimit -f") as caught:
            queue.send([wire(b"x" * 5000)] * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not caught.value.retryable
    queue.send([wire(b"again")])
    assert len(queue.receive(1000, wait=0, lease=30)) == 11


def test_a_disk_that_fails_is_no_limit_on_files(path: Path) -> None:
    """Where there is a limit that is far away."""
    failure = sqlite3.OperationalError("disk I/O error")
    failure.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    open_queue(path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 40, limits[1]))
    try:
        assert type(meaning_of(failure, path)) is Unavailable
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_sync_that_fails_says_that_the_message_may_be_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = open_queue(path)

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(connections, "_sync", fail)
    with pytest.raises(Unavailable, match="disk failed: Input/output error") as caught:
        queue.send([wire()])
    assert caught.value.ambiguous
    monkeypatch.undo()
    wal = path.with_name("queues.db-wal")
    queue.send([wire()])
    size = wal.stat().st_size
    queue.send([wire()])
    assert wal.stat().st_size == size, "a checkpoint came between, and the log is written anew"


def test_a_file_that_is_removed_under_its_users_takes_no_later_message_along(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They make a new one, as the next process would, and meet there."""
    monkeypatch.setattr(driver, "UNSEEN_SECONDS", 0.0)
    sender, receiver = whole_queue(path), whole_queue(path)
    sender.send("before")
    assert [message.body for message in receiver.receive()] == ["before"]
    assert receiver.receive() == []
    shutil.rmtree(path.parent)
    sender.send("after")
    assert [message.body for message in receiver.receive(wait=5)] == ["after"]
    shutil.rmtree(path.parent)
    assert receiver.receive() == []
    sender.send("again")
    assert [message.body for message in receiver.receive(wait=5)] == ["again"]
    sender.close()
    receiver.close()


def test_the_log_of_a_file_that_was_removed_is_no_new_files(path: Path) -> None:
    """SQLite would bring its messages back, or damage the new file."""
    script = f"""
import os, signal
from portable.queue.driver import WireMessage
from portable_local.queue.driver import SQLiteQueue
from portable_local.queue.leases import Lease
from portable_local.queue.settings import LocalQueueSettings

queue = SQLiteQueue(LocalQueueSettings(path={str(path)!r}, name="jobs"))
queue.create()
queue.send([WireMessage(body=b"old", attributes={{}})])
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script], check=False)
    path.unlink()
    with pytest.raises(ConfigError, match=r"queues.db-wal, and the file .* was removed: stop"):
        open_queue(path)
    for each in path.parent.iterdir():
        each.unlink()
    assert open_queue(path).stats().total == 0


def test_a_file_where_a_folder_should_be_is_named_at_the_first_send(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file is no folder"):
        whole_queue(tmp_path / "file" / "queues.db").send(1)


def test_a_thread_that_ends_while_its_queue_is_closed_closes_nothing_twice(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of what is closed may be another file's at once."""
    queue = open_queue(path)
    closed: list[int] = []
    close = os.close

    def closing_meanwhile(number: int) -> None:
        closed.append(number)
        if len(closed) == 1:
            queue.close()
        close(number)

    def look() -> None:
        queue.stats()
        monkeypatch.setattr(os, "close", closing_meanwhile)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    monkeypatch.undo()
    assert len(closed) == 2  # the thread's, and this one's
    assert len(set(closed)) == 2
