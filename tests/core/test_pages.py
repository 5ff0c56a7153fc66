"""Pages that are made ahead of whoever writes to them."""

from __future__ import annotations

import io
import mmap
import os
import platform
import re
import sys

import pytest

from portable.storage.pages import PagesAhead

SIZE = 32 * 1024**2


def room_of(size: int) -> memoryview:
    return io.BytesIO(bytes(size)).getbuffer()


def made(room: memoryview) -> None:
    """Have all of them made."""
    with PagesAhead(room) as ahead:
        if ahead._thread is not None:
            ahead._thread.join()


def test_what_is_written_to_afterwards_has_its_pages() -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux makes pages ahead")
    release = re.findall(r"\d+", platform.release())
    if tuple(map(int, release[:2])) < (5, 14):
        pytest.skip("Linux makes pages ahead since 5.14")
    import resource

    room = room_of(SIZE)
    made(room[5:])  # it begins anywhere in a page
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    room[5 :: mmap.PAGESIZE] = bytes(len(room[5 :: mmap.PAGESIZE]))
    faults = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before
    assert faults < SIZE // mmap.PAGESIZE // 10


def test_what_was_written_stays() -> None:
    data = os.urandom(SIZE // 4)
    room = room_of(len(data))
    room[:] = data
    made(room[1:-1])
    assert room == data


def test_nothing_holds_the_memory_when_the_block_has_ended() -> None:
    file = io.BytesIO(bytes(SIZE))
    room = file.getbuffer()
    with PagesAhead(room) as ahead:
        pass  # at once, long before all are made
    assert ahead._thread is None or not ahead._thread.is_alive()
    room.release()
    file.write(b"with its memory held it couldn't be written to")


def test_where_there_is_no_room_nothing_is_made() -> None:
    with PagesAhead(None) as ahead:
        assert ahead._thread is None
