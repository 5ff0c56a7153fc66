"""The one layer that retries, with time and chance made here."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from portable.errors import (
    AlreadyExists,
    DeadlineExceeded,
    IntegrityError,
    NotFound,
    OutcomeUnknown,
    PortableError,
    Throttled,
    Unavailable,
)
from portable.retry import (
    BASE_SECONDS,
    BUDGET_TOKENS,
    LONGEST_SLEEP_SECONDS,
    RETRY_TOKENS,
    SLOWEST_BYTES_PER_SECOND,
    THROTTLED_BASE_SECONDS,
    Budget,
    Retry,
    Surroundings,
)


@dataclass
class World:
    """A clock that moves when somebody sleeps, and a die that falls as told."""

    chance: Callable[[], float] = lambda: 1.0
    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def retry(
        self, *, attempts: int = 6, deadline: float = 120.0, budget: Budget | None = None
    ) -> Retry:
        surroundings = Surroundings(lambda: self.now, self.sleep, self.chance)
        return Retry(attempts, deadline, budget or Budget(), surroundings)


class Server:
    """Fails with each error in turn, then answers."""

    def __init__(self, *errors: PortableError, then: Iterator[PortableError] | None = None) -> None:
        self._errors = iter(errors)
        self._then = then
        self.requests = 0

    def __call__(self) -> str:
        self.requests += 1
        if (error := next(self._errors, None)) is not None:
            raise error
        if self._then is not None:
            raise next(self._then)
        return "answer"


def outage() -> Iterator[PortableError]:
    while True:
        yield Unavailable("down")


class TestAttempts:
    def test_the_first_try_is_never_delayed(self) -> None:
        """Nor is one that succeeds charged."""
        world = World()
        assert world.retry().call(Server()) == "answer"
        assert world.slept == []

    def test_a_failure_that_may_pass_is_tried_again(self) -> None:
        server = Server(Unavailable("once"), Unavailable("twice"))
        assert World().retry().call(server) == "answer"
        assert server.requests == 3

    @pytest.mark.parametrize("attempts", [1, 2, 6])
    def test_there_are_never_more_requests_than_attempts(self, attempts: int) -> None:
        """And the last error is what is raised, unchanged."""
        server = Server(then=outage())
        with pytest.raises(Unavailable, match="down") as caught:
            World().retry(attempts=attempts).call(server)
        assert type(caught.value) is Unavailable
        assert server.requests == attempts

    @pytest.mark.parametrize("error", [NotFound("x"), IntegrityError("x"), AlreadyExists("x")])
    def test_a_verdict_is_not_tried_again(self, error: PortableError) -> None:
        server = Server(error)
        with pytest.raises(type(error)):
            World().retry().call(server)
        assert server.requests == 1

    def test_an_error_says_itself_whether_it_may_pass(self) -> None:
        """A spoiled upload is retried although other integrity errors aren't."""
        server = Server(IntegrityError("spoiled on the way", retryable=True))
        assert World().retry().call(server) == "answer"

    def test_errors_that_are_not_ours_pass_at_once(self) -> None:
        """A bug must not look like an outage."""

        def send() -> str:
            raise KeyError("bug")

        with pytest.raises(KeyError):
            World().retry().call(send)


class TestBackOff:
    def test_it_doubles_up_to_the_longest(self) -> None:
        """With the die at its highest."""
        world = World()
        with pytest.raises(Unavailable):
            world.retry(attempts=12, deadline=1e6).call(Server(then=outage()))
        assert world.slept == [
            min(BASE_SECONDS * 2**turn, LONGEST_SLEEP_SECONDS) for turn in range(11)
        ]

    def test_throttling_begins_slower(self) -> None:
        world = World()
        world.retry().call(Server(Throttled("slow"), Throttled("slow")))
        assert world.slept == [THROTTLED_BASE_SECONDS, 2 * THROTTLED_BASE_SECONDS]

    def test_jitter_is_full(self) -> None:
        """Anything from nothing to the longest, evenly: 2,000 first sleeps."""
        chance = random.Random(11)
        world = World(chance.random)
        for _ in range(2000):
            world.retry().call(Server(Unavailable("once")))
        sleeps = sorted(seconds / BASE_SECONDS for seconds in world.slept)
        assert sleeps[0] >= 0
        assert sleeps[-1] < 1
        for share in (0.1, 0.25, 0.5, 0.75, 0.9):
            assert sleeps[int(share * 2000)] == pytest.approx(share, abs=0.05)

    def test_the_server_may_ask_for_longer_and_not_for_shorter(self) -> None:
        world = World()
        asked = Throttled("slow", retry_after=7.5), Throttled("slow", retry_after=0.1)
        world.retry().call(Server(*asked))
        assert world.slept == [7.5, 2 * THROTTLED_BASE_SECONDS]


class TestDeadline:
    def test_retry_after_beyond_the_deadline_ends_the_call_at_once(self) -> None:
        """Nobody waits for what can't come in time, and the cause is told."""
        world, cause = World(), Throttled("slow", retry_after=300.0)
        with pytest.raises(DeadlineExceeded, match="slow") as caught:
            world.retry(deadline=60).call(Server(cause))
        assert caught.value.__cause__ is cause
        assert isinstance(caught.value, TimeoutError)
        assert world.slept == []

    def test_sleeping_counts(self) -> None:
        world = World()
        with pytest.raises(DeadlineExceeded):
            world.retry(attempts=100, deadline=30).call(Server(then=outage()))
        assert sum(world.slept) < 30

    def test_requests_count(self) -> None:
        """A server that takes long to fail."""
        world = World()

        def send() -> str:
            world.now += 25
            raise Unavailable("slow failure")

        with pytest.raises(DeadlineExceeded):
            world.retry(deadline=60).call(send)
        assert world.now - 1000 < 60 + 25

    def test_an_answer_lost_before_the_deadline_stays_ambiguous(self) -> None:
        """Whoever catches it must know that the request may have been carried out."""
        lost = Unavailable("lost", ambiguous=True, retry_after=1e4)
        with pytest.raises(DeadlineExceeded) as caught:
            World().retry().call(Server(lost))
        assert caught.value.ambiguous

    def test_a_call_of_several_requests_may_share_one(self) -> None:
        world = World()
        retry = world.retry(deadline=10)
        deadline = retry.start()
        world.now += 9.99
        with pytest.raises(DeadlineExceeded):
            retry.call(Server(then=outage()), deadline=deadline)
        assert sum(world.slept) < 0.01 + 1e-9

    def test_large_bodies_get_time_for_a_slow_line(self) -> None:
        retry = World().retry(deadline=10)
        assert retry.start().seconds == 10
        assert retry.start(size=64 * SLOWEST_BYTES_PER_SECOND).seconds == 74


class TestBudget:
    def test_an_outage_does_not_multiply_the_load(self) -> None:
        """200 calls in a lasting outage: at most 1.6 requests each; plain retries send six."""
        retry, server = World().retry(deadline=1e6), Server(then=outage())
        for _ in range(200):
            with pytest.raises(Unavailable):
                retry.call(server)
        assert server.requests == 200 + BUDGET_TOKENS // RETRY_TOKENS
        assert server.requests <= 1.6 * 200

    def test_first_tries_go_on_when_it_is_spent(self) -> None:
        budget = Budget(0)
        server = Server(Unavailable("down"))
        with pytest.raises(Unavailable):
            World().retry(budget=budget).call(server)
        assert World().retry(budget=budget).call(server) == "answer"
        assert server.requests == 2

    def test_successes_refill_it(self) -> None:
        """One token a success: five pay for a retry."""
        budget = Budget(RETRY_TOKENS)
        assert budget.take()
        assert not budget.take()
        retry = World().retry(budget=budget)
        for _ in range(RETRY_TOKENS - 1):
            retry.call(Server())
        assert not budget.take()
        retry.call(Server())
        assert budget.take()

    def test_it_never_holds_more_than_at_first(self) -> None:
        budget = Budget(2 * RETRY_TOKENS)
        for _ in range(1000):
            budget.refund()
        assert [budget.take() for _ in range(3)] == [True, True, False]

    def test_threads_share_it_exactly(self) -> None:
        """Eight threads, a lasting outage: not one retry more than is paid for."""
        retry = World().retry(deadline=1e9)
        lock, requests = threading.Lock(), [0]

        def send() -> str:
            with lock:
                requests[0] += 1
            raise Unavailable("down")

        def call(_: int) -> None:
            with pytest.raises(Unavailable):
                retry.call(send)

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(call, range(400)))
        assert requests[0] == 400 + BUDGET_TOKENS // RETRY_TOKENS


class TestSettling:
    @staticmethod
    def settle(final: PortableError) -> str:
        return f"settled {type(final).__name__}"

    def test_a_lost_answer_is_settled_when_the_attempts_end(self) -> None:
        lost = [Unavailable("lost", ambiguous=True) for _ in range(6)]
        assert World().retry().call(Server(*lost), settle=self.settle) == "settled Unavailable"

    def test_a_verdict_after_a_lost_answer_is_settled(self) -> None:
        """It may be the verdict on our own first request."""
        server = Server(Unavailable("lost", ambiguous=True), AlreadyExists("there"))
        assert World().retry().call(server, settle=self.settle) == "settled AlreadyExists"

    def test_a_lost_answer_is_remembered_past_clear_failures(self) -> None:
        errors = [Unavailable("lost", ambiguous=True), *(Unavailable("down") for _ in range(5))]
        assert World().retry().call(Server(*errors), settle=self.settle) == "settled Unavailable"

    def test_a_clear_failure_needs_no_settling(self) -> None:
        with pytest.raises(AlreadyExists):
            World().retry().call(Server(AlreadyExists("there")), settle=self.settle)

    def test_a_success_needs_no_settling(self) -> None:
        server = Server(Unavailable("lost", ambiguous=True))
        assert World().retry().call(server, settle=self.settle) == "answer"

    def test_without_a_way_to_settle_the_last_error_is_raised(self) -> None:
        with pytest.raises(Unavailable):
            World().retry(attempts=1).call(Server(Unavailable("lost", ambiguous=True)))

    def test_what_settling_raises_is_raised(self) -> None:
        def settle(final: PortableError) -> str:
            raise OutcomeUnknown("nobody knows") from final

        with pytest.raises(OutcomeUnknown):
            World().retry(attempts=1).call(
                Server(Unavailable("lost", ambiguous=True)), settle=settle
            )

    def test_a_deadline_is_settled_too(self) -> None:
        lost = Unavailable("lost", ambiguous=True, retry_after=1e4)
        assert World().retry().call(Server(lost), settle=self.settle) == "settled DeadlineExceeded"


def test_the_clock_goes_on_while_the_machine_sleeps() -> None:
    """In a time namespace whose clocks are as after a day of sleep."""
    asleep = ("unshare", "--user", "--map-root-user", "--time", "--boottime", "86400")
    if not shutil.which("unshare") or subprocess.run([*asleep, "true"], check=False).returncode:
        pytest.skip("there are no time namespaces here, which need Linux, or they aren't allowed")
    program = (
        "import time; from portable.retry import Surroundings; "
        "print(Surroundings().clock() - time.monotonic())"
    )
    told = subprocess.check_output([*asleep, sys.executable, "-c", program])
    assert float(told) >= 86_000
