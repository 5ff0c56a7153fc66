"""Threads, forked children and pickles."""

from __future__ import annotations

import os
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from portable.queue import Queue
from portable.testing.fakes.pubsub import FakePubSub
from portable.testing.targets.pubsub import open_pubsub_queue
from portable_gcp.queue import PubSubQueue

from .support import wire


class TestThreadsAndProcesses:
    def test_threads_share_a_driver(self, server: FakePubSub, driver: PubSubQueue) -> None:
        seen: list[bytes] = []
        total = 200

        def work(number: int) -> None:
            driver.send(wire(*(f"{number}-{n}".encode() for n in range(total // 8))))
            while len(seen) < total:
                for each in driver.receive(10, wait=0.2, lease=30):
                    seen.append(each.body)
                    assert driver.ack([each.receipt]) == [None]

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
        assert len(set(seen)) == total == len(seen)

    @pytest.mark.parametrize("busy", [False, True], ids=["at rest", "while threads wait and send"])
    def test_a_forked_child_sends_and_receives_at_once(
        self, server: FakePubSub, busy: bool
    ) -> None:
        queue = open_pubsub_queue(server, "jobs")
        queue.send(b"first")
        over = threading.Event()

        def wait() -> None:
            while not over.is_set():
                queue.receive(lease=600)

        def send() -> None:
            while not over.is_set():
                queue.send(b"noise")

        threads = [threading.Thread(target=each) for each in (wait, wait, send) if busy]
        for thread in threads:
            thread.start()
        try:
            for _ in range(5):
                took, status = in_child(queue)
                assert os.waitstatus_to_exitcode(status) == 0
                assert took < 5
        finally:
            over.set()
            for thread in threads:
                thread.join()
        queue.send(b"last")  # the parent's connection still works
        queue.close()

    def test_it_pickles(self, server: FakePubSub) -> None:
        with closing(open_pubsub_queue(server, "jobs")) as queue:
            queue.send(b"x")
            with closing(pickle.loads(pickle.dumps(queue))) as copy:
                assert copy.receive(wait=5)[0].body == b"x"


def in_child(queue: Queue) -> tuple[float, int]:
    """Send and receive in a forked process; how long it took, and how it ended."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            queue.send(b"from the child")
            if queue.receive(wait=5):
                code = 0
        finally:
            os._exit(code)
    while time.monotonic() - began < 15:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return time.monotonic() - began, status
        time.sleep(0.005)
    os.kill(child, 9)
    _, status = os.waitpid(child, 0)
    return time.monotonic() - began, status
