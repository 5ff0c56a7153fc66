"""Requests that may hang: asked for once more, on another connection, while there is time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue

from portable.errors import LeaseLost, Unavailable
from portable.queue.settling import Answers

# Each that hangs has a thread and a connection until its read times out.
AT_ONCE = 3


class Renewals:
    """Extensions of leases, of which any answer counts that comes in time.

    A request that hangs has its connection for itself, so that the next one goes by another. It
    isn't given up, since where each extension changes the receipt its answer has the only good one.

    Args:
        patience: Seconds without an answer after which it is asked for once more.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._room = threading.BoundedSemaphore(AT_ONCE)

    def ask(self, extend: Callable[[], Answers], seconds: float) -> Answers:
        """The first answer that not every lease is lost, or what the last request came to.

        Raises:
            Unavailable: there was no answer within *seconds*, in which it was asked again and again.
            PortableError: raised by the last of the requests.
        """
        until = time.monotonic() + seconds
        outcomes: SimpleQueue[Future[Answers]] = SimpleQueue()
        hanging = 0
        while (left := until - time.monotonic()) > 0:
            if self._room.acquire(timeout=0 if hanging else left):
                self._begin(extend, outcomes)
                hanging += 1
            again = time.monotonic() + min(self._patience, left)
            while hanging and (outcome := _next(outcomes, again)):
                hanging -= 1
                if not hanging or _is_good(outcome):
                    return outcome.result()
        raise Unavailable(f"no answer within {seconds:.1f} s", ambiguous=True, retryable=False)

    def _begin(self, extend: Callable[[], Answers], outcomes: SimpleQueue[Future[Answers]]) -> None:
        """Send a request, in a thread of its own, which nothing waits for at the end."""

        def run() -> None:
            outcome: Future[Answers] = Future()
            try:
                outcome.set_result(extend())
            except BaseException as error:  # noqa: BLE001 - raised by who asked
                outcome.set_exception(error)
            self._room.release()
            outcomes.put(outcome)

        try:
            threading.Thread(target=run, name="portable-renewal", daemon=True).start()
        except RuntimeError:  # there can be no more threads
            self._room.release()
            raise


def _next(outcomes: SimpleQueue[Future[Answers]], until: float) -> Future[Answers] | None:
    try:
        return outcomes.get(timeout=max(0.0, until - time.monotonic()))
    except Empty:
        return None


def _is_good(outcome: Future[Answers]) -> bool:
    return outcome.exception() is None and not all(
        isinstance(answer, LeaseLost) for answer in outcome.result()
    )
