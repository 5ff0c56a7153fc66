"""Conditions hold between threads and between processes; folders come and go under writers."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from portable.errors import AlreadyExists, NotFound, PortableError, PreconditionFailed
from portable_local.locks import locked

from .support import Make, Store, forked, joined


def together(*works: Callable[[], None]) -> None:
    failures: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_one_of_eight_threads_makes_a_key(store: Store) -> None:
    for number in range(150):
        wins: list[int] = []
        barrier = threading.Barrier(8)

        def work(thread: int, key: str = f"a/{number}") -> None:
            barrier.wait()  # noqa: B023
            try:
                store.put(key, b"%d" % thread, if_absent=True)
                wins.append(thread)  # noqa: B023
            except AlreadyExists:
                pass

        together(*[partial(work, thread) for thread in range(8)])
        assert len(wins) == 1
        assert store.get(f"a/{number}") == b"%d" % wins[0]


def test_one_of_three_processes_makes_a_key(make: Make) -> None:
    store = make()

    def work(process: int) -> None:
        for number in range(300):
            try:
                store.put(f"a/{number}", b"%d" % process, if_absent=True)
                store.put(f"won/{process}/{number}")
            except AlreadyExists:
                pass

    joined([forked(partial(work, process)) for process in range(3)])
    won = [key.rsplit("/")[-1] for key in store.keys("won/")]
    assert sorted(won) == sorted(str(number) for number in range(300))
    assert store.leftovers() == []


def test_a_counter_by_compare_and_swap_loses_nothing(make: Make) -> None:
    store = make()
    store.put("n", b"0")

    def work() -> None:
        for _ in range(100):
            while True:
                answer = store.driver.read("n", start=0, end=None, if_match=None)
                value = int(answer.read(100))
                answer.close()
                try:
                    store.put("n", b"%d" % (value + 1), if_match=answer.info.revision)
                    break
                except PreconditionFailed:
                    pass

    joined([forked(work) for _ in range(4)])
    assert store.get("n") == b"400"
    assert store.leftovers() == []


def test_readers_see_one_whole_version_while_writers_replace_it(make: Make) -> None:
    store = make()
    store.put("a", b"0" * 50_000, metadata={"n": "0"})

    def write(digit: int) -> None:
        for _ in range(200):
            store.put("a", b"%d" % digit * 50_000, metadata={"n": str(digit)})

    def read() -> None:
        for _ in range(800):
            answer = store.driver.read("a", start=0, end=None, if_match=None)
            body = answer.read(1 << 20)
            answer.close()
            assert len(set(body)) == 1
            assert len(body) == 50_000
            assert answer.info.metadata == {"n": chr(body[0])}

    joined([forked(read), forked(read), forked(lambda: write(1)), forked(lambda: write(2))])
    assert store.leftovers() == []


def test_a_put_makes_the_folder_again_that_a_delete_removed(make: Make) -> None:
    store = make()

    def work(name: str) -> None:
        for number in range(300):
            key = f"a/b/c/{name}"
            store.put(key, b"%d" % number)
            assert store.get(key) == b"%d" % number
            store.delete(key)

    joined([forked(partial(work, name)) for name in "xyz"])
    assert store.keys() == []


def test_a_key_and_one_below_it_are_never_both_there(make: Make) -> None:
    store = make()

    def work(key: str, other: str) -> None:
        for _ in range(200):
            try:
                store.put(key)
            except PortableError:
                continue
            with pytest.raises(NotFound):
                store.get(other)
            store.delete(key)

    joined([forked(lambda: work("a", "a/b")), forked(lambda: work("a/b", "a"))])
    assert store.keys() == []


def test_a_forked_child_does_not_keep_its_parents_lock(plain: Store) -> None:
    plain.put("a")
    begun, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(plain.driver._root, ("a",)):
            begun.set()
            go_on.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    begun.wait(10)
    child = os.fork()
    if child == 0:
        time.sleep(30)
        os._exit(0)
    try:
        go_on.set()
        holder.join()
        done = threading.Thread(target=lambda: plain.put("a", b"2"))
        done.start()
        done.join(20)
        assert not done.is_alive()
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
