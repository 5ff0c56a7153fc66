"""The log, in bounded memory, whatever storage and the command do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portable.compute.runner.failures import StoreError
from portable.compute.runner.segments import MIB, PENDING_MAX, TAIL_MAX, Segments, closed_at
from portable.testing.faults import Answer, Fault, FaultProxy
from tests.compute.runner.attempts import Attempt

MEMORY_MAX = 160 * MIB


class Memory:
    """Objects in a dictionary, which may fail."""

    is_local = True

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.fails = False
        self.puts = 0

    def put(self, name: str, data: bytes | bytearray) -> None:
        self.puts += 1
        if self.fails:
            raise StoreError("it fails")
        assert data.startswith(self.content.get(name, b"")), "a segment only grows"
        self.content[name] = bytes(data)

    @property
    def log(self) -> bytes:
        return b"".join(self.content[name] for name in sorted(self.content))


@pytest.fixture
def store() -> Memory:
    return Memory()


@pytest.fixture
def segments(store: Memory) -> Segments:
    return Segments(store, "log", lossy=True)  # type: ignore[arg-type]


def test_a_segment_is_rewritten_until_it_is_full(store: Memory, segments: Segments) -> None:
    segments.append(b"a" * 10)
    segments.flush()
    segments.flush()  # nothing new
    assert (store.puts, segments.used) == (1, 1)
    segments.append(b"b" * MIB)
    segments.flush()
    segments.append(b"c")
    segments.flush()
    assert {name: len(data) for name, data in store.content.items()} == {
        "log/0000": MIB + 10,
        "log/0001": 1,
    }
    assert (segments.used, segments.bytes, segments.dropped) == (2, MIB + 11, 0)


def test_later_segments_hold_more() -> None:
    sizes = [closed_at(number) // MIB for number in range(64)]
    assert sizes == [1] * 32 + [4] * 16 + [16] * 16


def test_what_is_left_out_while_storage_fails_is_counted_and_marked(
    store: Memory, segments: Segments
) -> None:
    store.fails = True
    block = b"x" * (MIB // 2)
    for _ in range(2 * PENDING_MAX // len(block)):
        segments.append(block)
        with pytest.raises(StoreError):
            segments.flush()
        assert segments.has_room(), "the job goes on"
    segments.append(b"the end")
    store.fails = False
    while not segments.is_flushed():
        segments.flush()
    marks = re.findall(rb"\[portable\] (\d+) bytes of the log are left out here", store.log)
    assert [int(mark) for mark in marks] == [segments.dropped]
    assert segments.dropped > 0
    assert store.log.endswith(b"x" * 100 + b"the end")
    assert segments.bytes == len(store.log)
    assert store.log.count(b"x") + segments.dropped == 2 * PENDING_MAX


def test_after_the_last_segment_only_the_end_is_kept(store: Memory, segments: Segments) -> None:
    block = b"y" * (16 * MIB)
    while not segments.is_full:
        segments.append(block)
        segments.flush()
        store.content = dict.fromkeys(store.content, b"")
    segments.append(b"z" * MIB)
    segments.append(b"the end")
    assert segments.has_room()
    assert segments.is_flushed()
    segments.end()
    segments.flush()
    last = store.content["log/0063"]
    assert last.endswith(b"z" * 100 + b"the end")
    assert segments.dropped == MIB + len(b"the end") - TAIL_MAX


def test_there_is_no_room_while_storage_works_and_is_slow(segments: Segments) -> None:
    while segments.has_room():
        segments.append(b"x" * MIB)
    assert segments.wanted.is_set()
    segments.flush()
    assert segments.has_room()


def test_results_are_never_left_out(store: Memory) -> None:
    results = Segments(store, "results", lossy=False)  # type: ignore[arg-type]
    store.fails = True
    results.append(b"r" * (2 * PENDING_MAX))
    with pytest.raises(StoreError):
        results.flush()
    assert not results.has_room() or not results._pending
    results.append(b"s")
    store.fails = False
    while not results.is_flushed():
        results.flush()
    assert len(store.log) == 2 * PENDING_MAX + 1


def test_100_mb_come_whole_and_memory_is_bounded(folder: Attempt) -> None:
    size = 100_000_000
    folder.run(
        f"grep VmHWM /proc/$PPID/status > before; head -c {size} /dev/zero | tr '\\0' x; "
        "grep VmHWM /proc/$PPID/status > after",
        outputs=["before", "after"],
    )
    told = folder.exit
    assert (told["log_bytes"], told["log_dropped"]) == (size, 0)
    assert folder.log.count(b"x") == size
    before, after = (
        int(re.findall(rb"\d+", folder.store.read(f"out/{slot:04d}") or b"")[0]) * 1024
        for slot in (0, 1)
    )
    assert after - before < MEMORY_MAX


def test_a_log_that_cannot_be_stored_ends_no_job(signed: Attempt, proxy: FaultProxy) -> None:
    proxy.add(Fault("status", path="/log/", answer=Answer(500), times=3))
    told = signed.run("for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.1; done")
    assert told["reason"] == "exit"
    assert signed.log == b"1\n2\n3\n4\n5\n6\n7\n8\n"


def test_a_log_that_is_refused_for_good_is_told_as_lost(signed: Attempt, proxy: FaultProxy) -> None:
    proxy.add(Fault("status", path="/log/", answer=Answer(403), times=None))
    told = signed.run("echo 12345; exit 2")
    assert (told["reason"], told["tasks"][0]["exit_code"]) == ("exit", 2)
    assert (told["log_bytes"], told["log_dropped"], told["segments"]["log"]) == (0, 6, 0)


def test_no_listing_shows_a_file_that_is_being_written(folder: Attempt, tmp_path: Path) -> None:
    import portable

    folder.start("while :; do head -c 200000 /dev/zero; sleep 0.001; done", flush=0.001)
    bucket = portable.open_bucket((tmp_path / "store").as_uri())
    folder.until(lambda: folder.store.read("log/0001"), "a second segment")
    for _ in range(50):
        keys = {info.key for info in bucket.list("0/1/")}
        assert all(re.fullmatch(r"0/1/(log/\d{4}|(started|state)\.json)", key) for key in keys)
    folder.store.write("cancel", b"")
    assert folder.wait() == 0


def test_what_storage_has_and_what_it_lacks_add_up(store: Memory, segments: Segments) -> None:
    """When the end comes while storage fails."""
    segments.append(b"stored")
    segments.flush()
    store.fails = True
    segments.append(b" lost")
    with pytest.raises(StoreError):
        segments.flush()
    segments.append(b" too")
    segments.give_up()
    assert (segments.bytes, segments.dropped, segments.used) == (6, 9, 1)
    assert store.log == b"stored"
