"""Queues on Pub/Sub: what is sent, what is made, and what the driver does with the answers."""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1 import types as t

from portable.errors import (
    ConfigError,
    InvalidArgument,
    LeaseLost,
    PermissionDenied,
    PortableError,
    QueueNotFound,
    Unavailable,
    Unsupported,
)
from portable.queue import Queue
from portable.queue.driver import WireMessage
from portable.testing.fakes.pubsub import FakePubSub, Fault
from portable.testing.targets.pubsub import isolate, open_pubsub_queue
from portable_gcp.queue import PubSubQueue
from portable_gcp.queue_settings import PubSubSettings

TOPIC = "projects/testing/topics/jobs"
SUBSCRIPTION = "projects/testing/subscriptions/jobs"
Open = Callable[..., PubSubQueue]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch)


@pytest.fixture
def server() -> Iterator[FakePubSub]:
    with FakePubSub() as server:
        yield server


@pytest.fixture
def open_driver(server: FakePubSub) -> Iterator[Open]:
    opened: list[PubSubQueue] = []

    def open_it(**settings: Any) -> PubSubQueue:
        about = {"name": "jobs", "project": "testing", "endpoint": server.endpoint, **settings}
        opened.append(PubSubQueue(PubSubSettings(**about), now=server.clock))
        return opened[-1]

    yield open_it
    for driver in opened:
        driver.close()


@pytest.fixture
def driver(open_driver: Open) -> PubSubQueue:
    """With its queue."""
    driver = open_driver()
    driver.create()
    return driver


def wire(*bodies: bytes, group: str | None = None) -> list[WireMessage]:
    return [WireMessage(body=body, attributes={"a": "b"}, group=group) for body in bodies]


def methods(server: FakePubSub) -> list[str]:
    return [method for method, _ in server.requests]


def make(driver: PubSubQueue, **about: Any) -> None:
    """A topic, and a subscription as another tool would make it."""
    driver.native.publisher.create_topic(name=TOPIC, timeout=10)
    request = {"name": SUBSCRIPTION, "topic": TOPIC, **about}
    driver.native.subscriber.create_subscription(request=request, timeout=10)


class TestRequests:
    def test_connecting_sends_nothing(self, server: FakePubSub, open_driver: Open) -> None:
        open_driver()
        assert server.requests == []

    def test_each_call_is_one_request(self, server: FakePubSub, driver: PubSubQueue) -> None:
        server.clear()
        driver.send(wire(b"1", b"2", b"3"))
        found = driver.receive(10, wait=5, lease=30)
        receipts = [each.receipt for each in found]
        driver.extend(receipts, 60)
        driver.ack(receipts)
        driver.purge()
        assert methods(server) == ["Publish", "Pull", "ModifyAckDeadline", "Acknowledge", "Seek"]

    def test_another_lease_than_the_subscriptions_takes_a_second_request(
        self, server: FakePubSub, driver: PubSubQueue
    ) -> None:
        driver.send(wire(b"1"))
        server.clear()
        (found,) = driver.receive(10, wait=5, lease=90.5)
        assert methods(server) == ["Pull", "ModifyAckDeadline"]
        assert server.requests[1][1].ack_deadline_seconds == 91
        server.advance(89)
        assert driver.receive(1, wait=0, lease=30) == []
        server.advance(3)
        (again,) = driver.receive(1, wait=5, lease=30)
        assert again.id == found.id

    def test_nothing_below_the_core_sends_again(
        self, server: FakePubSub, driver: PubSubQueue
    ) -> None:
        server.clear()
        server.add(Fault("Publish", grpc.StatusCode.UNAVAILABLE, times=None))
        with pytest.raises(Unavailable):
            driver.send(wire(b"x"))
        assert methods(server) == ["Publish"]

    def test_without_a_wait_the_server_is_told_not_to(
        self, server: FakePubSub, driver: PubSubQueue
    ) -> None:
        assert driver.receive(1, wait=0, lease=30) == []
        assert server.requests[-1][1].return_immediately
        began = time.monotonic()
        assert driver.receive(1, wait=0.3, lease=30) == []
        assert 0.25 < time.monotonic() - began < 3
        assert not server.requests[-1][1].return_immediately

    def test_a_request_that_hangs_ends_with_the_timeout(
        self, server: FakePubSub, open_driver: Open
    ) -> None:
        driver = open_driver(timeout=0.3)
        server.add(Fault("*", delay=20, times=None))
        began = time.monotonic()
        for call in (
            lambda: driver.send(wire(b"x")),
            lambda: driver.receive(1, wait=5, lease=30),
            lambda: driver.ack(["r"]),
            driver.create,
            driver.delete,
            driver.purge,
            driver.stats,
        ):
            with pytest.raises(Unavailable):
                call()
        assert time.monotonic() - began < 10

    def test_what_is_stored_is_what_the_message_says(
        self, server: FakePubSub, driver: PubSubQueue
    ) -> None:
        (id,) = driver.send([WireMessage(body=bytes(range(256)), attributes={"k": "é"})])
        (found,) = server.held(SUBSCRIPTION)
        assert (found.data, dict(found.attributes)) == (bytes(range(256)), {"k": "é"})
        (mine,) = driver.receive(1, wait=5, lease=30)
        assert mine.id == id == found.message_id
        assert mine.sent_at == pytest.approx(server.clock(), abs=5)

    def test_the_native_clients_reach_the_same_queue(
        self, server: FakePubSub, driver: PubSubQueue
    ) -> None:
        publisher = driver.native.publisher
        assert isinstance(publisher, PublisherClient)
        publisher.publish(topic=TOPIC, messages=[t.PubsubMessage(data=b"x")], timeout=10)
        (found,) = driver.receive(1, wait=5, lease=30)
        assert found.body == b"x"


class TestLimits:
    def test_the_largest_send_fits_into_a_request(self, driver: PubSubQueue) -> None:
        able = driver.capabilities
        (id,) = driver.send(wire(bytes(able.message_max - 2)))
        assert isinstance(id, str)
        many = [
            WireMessage(body=bytes(able.send_bytes_max // able.send_max - 460), attributes=about)
            for about in [{f"name-{n}": "value" for n in range(40)}] * able.send_max
        ]
        assert len(driver.send(many)) == able.send_max

    def test_the_largest_settlement_fits_into_a_request(self, driver: PubSubQueue) -> None:
        able = driver.capabilities
        driver.send(wire(*[b"x"] * able.receive_max))
        found = driver.receive(able.receive_max, wait=5, lease=30)
        assert len(found) == able.receive_max == able.settle_max
        receipts = [each.receipt for each in found]
        assert driver.extend(receipts, 600) == receipts
        assert driver.ack(receipts) == [None] * able.settle_max
        assert able.settle_max * 500 < 524_288  # ids may grow to that

    def test_a_delay_and_a_long_lease_are_refused(self, server: FakePubSub) -> None:
        with closing(open_pubsub_queue(server, "jobs")) as queue:
            with pytest.raises(Unsupported, match="delay"):
                queue.send(b"x", delay=1)
            queue.send(b"x")
            with pytest.raises(Unsupported, match="600"):
                queue.receive(lease=601)

    def test_counts_are_unknown_and_never_0(self, driver: PubSubQueue) -> None:
        stats = driver.stats()
        assert stats.visible is stats.leased is stats.delayed is stats.oldest_age is None


class TestWhatIsMade:
    def test_a_topic_and_a_subscription_that_never_expires(
        self, server: FakePubSub, open_driver: Open
    ) -> None:
        open_driver(lease=45, retention=3600).create()
        made = server._state.subscriptions[SUBSCRIPTION].config
        assert (made.topic, made.ack_deadline_seconds) == (TOPIC, 45)
        assert made.message_retention_duration.seconds == 3600
        assert not made.expiration_policy.HasField("ttl")
        assert not made.HasField("retry_policy")
        assert made.dead_letter_policy.dead_letter_topic == f"{TOPIC}-dead"
        assert made.dead_letter_policy.max_delivery_attempts == 100
        server.advance(10 * 366 * 86400)
        assert f"{SUBSCRIPTION}-dead" in server._state.subscriptions

    @pytest.mark.parametrize(("lease", "deadline"), [(1, 10), (10.2, 11), (9999, 600)])
    def test_its_deadline_is_the_settings_lease_as_far_as_it_can_be(
        self, server: FakePubSub, open_driver: Open, lease: float, deadline: int
    ) -> None:
        open_driver(lease=lease).create()
        made = server._state.subscriptions[SUBSCRIPTION].config
        assert made.ack_deadline_seconds == deadline

    def test_the_dead_letters_have_no_dead_letters(
        self, server: FakePubSub, driver: PubSubQueue
    ) -> None:
        made = server._state.subscriptions[f"{SUBSCRIPTION}-dead"].config
        assert not made.HasField("dead_letter_policy")

    def test_a_queue_is_made_by_many_at_once(self, server: FakePubSub, open_driver: Open) -> None:
        drivers = [open_driver() for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(PubSubQueue.create, drivers))
        assert sorted(server._state.subscriptions) == [SUBSCRIPTION, f"{SUBSCRIPTION}-dead"]

    def test_nothing_is_sent_to_a_topic_whose_subscription_is_not_made_yet(
        self, server: FakePubSub
    ) -> None:
        """It would be dropped, and the sender told that it was stored."""
        settings = PubSubSettings(name="jobs", project="testing", endpoint=server.endpoint)
        first = PubSubQueue(settings)
        first.native.publisher.create_topic(name=TOPIC, timeout=10)
        with pytest.raises(QueueNotFound):
            first.send(wire(b"x"))
        assert "Publish" not in methods(server)
        with closing(open_pubsub_queue(server, "jobs")) as queue:
            queue.send(b"x")
            assert queue.receive(wait=5)[0].body == b"x"
        first.close()

    def test_senders_that_race_with_the_making_lose_nothing(self, server: FakePubSub) -> None:
        server.add(Fault("CreateSubscription", delay=0.2, times=2))
        queues = [open_pubsub_queue(server, "jobs") for _ in range(6)]
        with ThreadPoolExecutor(6) as pool:
            sent = set(pool.map(lambda queue: queue.send(b"x"), queues))
        found = {each.message_id for each in server.held(SUBSCRIPTION)}
        assert found == sent
        assert len(sent) == 6
        for queue in queues:
            queue.close()

    def test_a_queue_that_is_gone_is_made_again(self, server: FakePubSub) -> None:
        with closing(open_pubsub_queue(server, "jobs")) as queue:
            queue.send(b"x")
            other = open_pubsub_queue(server, "jobs")
            other.delete()
            queue.send(b"y")
            assert queue.receive(wait=5)[0].body == b"y"
            other.close()

    def test_what_is_gone_already_can_be_deleted(self, open_driver: Open) -> None:
        open_driver().delete()

    @pytest.mark.parametrize(
        ("about", "settings", "words"),
        [
            ({}, {}, "no dead-letter policy"),
            ({}, {"name": "jobs", "fifo": True}, "ordering keys"),
            ({}, {"exactly_once": True}, "exactly-once"),
            (
                {"dead_letter_policy": {"dead_letter_topic": TOPIC, "max_delivery_attempts": 5}},
                {"max_attempts": 6},
                "5 attempts",
            ),
        ],
    )
    def test_a_subscription_that_does_not_fit_is_refused(
        self, open_driver: Open, about: Any, settings: Any, words: str
    ) -> None:
        driver = open_driver(**settings)
        make(driver, **about)
        for call in (
            lambda: driver.send(wire(b"x")),
            lambda: driver.receive(1, wait=0, lease=30),
            driver.create,
        ):
            with pytest.raises(ConfigError, match=words):
                call()

    def test_the_subscription_of_another_topic_is_refused(
        self, server: FakePubSub, driver: PubSubQueue, open_driver: Open
    ) -> None:
        driver.native.publisher.delete_topic(topic=TOPIC, timeout=10)
        with pytest.raises(ConfigError, match="deleted"):
            open_driver().create()

    def test_one_that_another_tool_made_well_is_taken(self, open_driver: Open) -> None:
        driver = open_driver(max_attempts=5)
        driver.native.publisher.create_topic(name=f"{TOPIC}-other", timeout=10)
        policy = {"dead_letter_topic": f"{TOPIC}-other", "max_delivery_attempts": 5}
        make(driver, dead_letter_policy=policy, ack_deadline_seconds=20)
        driver.send(wire(b"x"))
        assert driver.receive(1, wait=5, lease=30)[0].attempts == 1

    def test_who_may_not_look_is_told_so(self, server: FakePubSub, open_driver: Open) -> None:
        server.add(Fault("GetSubscription", grpc.StatusCode.PERMISSION_DENIED))
        with pytest.raises(PermissionDenied):
            open_driver().send(wire(b"x"))
        assert "Publish" not in methods(server)


class TestGroups:
    @pytest.fixture
    def ordered(self, open_driver: Open) -> PubSubQueue:
        driver = open_driver(fifo=True)
        driver.create()
        return driver

    def test_a_request_has_the_messages_of_one_group(
        self, server: FakePubSub, ordered: PubSubQueue
    ) -> None:
        messages = [
            WireMessage(body=f"{group}{n}".encode(), attributes={"a": "b"}, group=group)
            for n in range(3)
            for group in ("x", "y", None)
        ]
        server.clear()
        ids = ordered.send(messages)
        assert methods(server) == ["Publish"] * 3
        stored = {each.message_id: each.data for each in server.held(SUBSCRIPTION)}
        assert [stored[str(id)] for id in ids] == [each.body for each in messages]

    def test_a_group_that_fails_leaves_those_that_were_sent(
        self, server: FakePubSub, ordered: PubSubQueue
    ) -> None:
        def publish(group: str) -> list[WireMessage]:
            return wire(b"1", b"2", group=group)

        server.add(Fault("Publish", times=1))
        server.add(Fault("Publish", grpc.StatusCode.UNAVAILABLE))
        answers = ordered.send([*publish("x"), *publish("y"), *publish("z")])
        assert [isinstance(answer, str) for answer in answers] == [True] * 2 + [False] * 4
        assert all(isinstance(answer, Unavailable) for answer in answers[2:])

    def test_the_core_sends_the_rest_again(self, server: FakePubSub) -> None:
        with closing(open_pubsub_queue(server, "jobs", fifo=True)) as queue:
            queue.send(b"0", group="x")
            server.add(Fault("Publish", times=1))
            server.add(Fault("Publish", grpc.StatusCode.UNAVAILABLE))
            assert len(queue.send_many([b"1", b"2"], group="y")) == 2
            assert len(queue.send_many([b"3", b"4"], group="z")) == 2
        found = [each.data for each in server.held(SUBSCRIPTION)]
        assert found == [b"0", b"1", b"2", b"3", b"4"]

    def test_one_message_of_a_group_is_out_at_a_time(
        self, server: FakePubSub, ordered: PubSubQueue
    ) -> None:
        ordered.send(wire(b"1", b"2", group="x"))
        (first,) = ordered.receive(1, wait=5, lease=30)
        assert (first.body, first.group) == (b"1", "x")
        assert ordered.receive(1, wait=0, lease=30) == []
        ordered.extend([first.receipt], 0)
        (again,) = ordered.receive(1, wait=5, lease=30)
        assert (again.body, again.attempts) == (b"1", 2)
        ordered.ack([again.receipt])
        (second,) = ordered.receive(1, wait=5, lease=30)
        assert (second.body, second.attempts) == (b"2", 1)


class TestLeases:
    def test_attempts_are_counted_by_the_service_whoever_asks(
        self, server: FakePubSub, open_driver: Open, driver: PubSubQueue
    ) -> None:
        driver.send(wire(b"x"))
        attempts = []
        for handed_back in (True, False, True):
            (found,) = open_driver().receive(1, wait=5, lease=30)
            attempts.append(found.attempts)
            if handed_back:
                driver.extend([found.receipt], 0)
            else:
                server.advance(31)
        assert attempts == [1, 2, 3]

    def test_a_lost_lease_is_told_where_acks_are_exact(
        self, server: FakePubSub, open_driver: Open
    ) -> None:
        driver = open_driver(exactly_once=True)
        assert driver.capabilities.tells_lost_lease
        driver.create()
        driver.send(wire(b"1", b"2"))
        late, good = driver.receive(2, wait=5, lease=30)
        assert driver.extend([good.receipt], 60) == [good.receipt]
        server.advance(31)
        for answers in (
            driver.extend([late.receipt, good.receipt], 60),
            driver.ack([late.receipt, good.receipt]),
        ):
            assert isinstance(answers[0], LeaseLost)
            assert not isinstance(answers[1], PortableError)
        assert [each.data for each in server.held(SUBSCRIPTION)] == [late.body]

    def test_it_is_not_told_elsewhere_and_nothing_claims_so(
        self, server: FakePubSub, driver: PubSubQueue
    ) -> None:
        assert not driver.capabilities.tells_lost_lease
        driver.send(wire(b"x"))
        (late,) = driver.receive(1, wait=5, lease=30)
        server.advance(31)
        assert driver.ack([late.receipt]) == [None]
        assert len(server.held(SUBSCRIPTION)) == 1

    def test_a_message_whose_lease_was_lost_before_it_is_handed_out_is_not(
        self, server: FakePubSub, open_driver: Open
    ) -> None:
        driver = open_driver(exactly_once=True)
        driver.create()
        driver.send(wire(b"x"))
        pulled = driver._pull(1, 5)
        driver._subscription.ack_deadline_seconds = 20  # as another one was made
        server.advance(31)
        driver._pull = lambda limit, wait: pulled  # type: ignore[method-assign]
        assert driver.receive(1, wait=5, lease=60) == []

    def test_an_ack_of_a_group_out_of_order_may_succeed_later(
        self, server: FakePubSub, open_driver: Open
    ) -> None:
        driver = open_driver(exactly_once=True, fifo=True)
        driver.create()
        driver.send(wire(b"1", b"2", group="x"))
        first, second = (each.ack_id for each in driver._pull(2, 5))
        (answer,) = driver.ack([second])
        assert isinstance(answer, Unavailable)
        assert answer.retryable
        assert driver.ack([first, second]) == [None, None]

    def test_a_receipt_of_nobodys_is_an_invalid_argument(self, driver: PubSubQueue) -> None:
        with pytest.raises(InvalidArgument):
            driver.ack(["nonsense"])

    def test_the_dead_letters_of_the_service_and_ours_are_one_queue(
        self, server: FakePubSub
    ) -> None:
        """Where its account may, Pub/Sub moves what a crashing consumer leaves 100 times."""
        with closing(open_pubsub_queue(server, "jobs")) as queue:
            queue.send(b"x")
            driver: Any = queue._connection.driver
            for _ in range(100):
                (found,) = driver.receive(1, wait=5, lease=30)
                driver.extend([found.receipt], 0)
            dead = queue.dead_letters
            assert dead is not None
            (letter,) = dead.receive(wait=5)
            assert letter.body == b"x"
            assert letter.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "100"


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


class TestSettings:
    ABOUT = PubSubSettings(name="jobs", project="acme-ml")

    def test_good_ones_have_no_problems(self) -> None:
        region = "https://europe-west1-pubsub.googleapis.com"
        for endpoint in (None, region, "http://127.0.0.1:8085"):
            assert replace(self.ABOUT, endpoint=endpoint).problems() == []
        assert self.ABOUT.url == "pubsub://acme-ml/jobs"
        assert self.ABOUT.server == "https://pubsub.googleapis.com"

    @pytest.mark.parametrize(
        ("changed", "words"),
        [
            ({"project": "Acme"}, "'project'"),
            ({"project": "a/topics/b"}, "'project'"),
            ({"name": "googly"}, "goog"),
            ({"max_attempts": 101}, "at most 100"),
            ({"retention": 599.0}, "'retention'"),
            ({"retention": 2_678_401.0}, "'retention'"),
            ({"timeout": 0.0}, "'timeout'"),
            ({"endpoint": "http://pubsub.example.com"}, "plain http"),
            ({"endpoint": "http://169.254.169.254"}, "metadata"),
            ({"endpoint": "https://example.com/path"}, "path"),
            ({"anonymous": True, "credentials_file": "f"}, "exclude"),
            ({"endpoint": "http://127.0.0.1:1", "credentials_file": "f"}, "plain http"),
        ],
    )
    def test_bad_ones_are_told(self, changed: Any, words: str) -> None:
        (problem,) = replace(self.ABOUT, **changed).problems()
        assert words in problem

    def test_the_emulators_variable_is_an_endpoint(
        self, server: FakePubSub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.host)
        assert self.ABOUT.server == server.endpoint
        driver = PubSubQueue(self.ABOUT)
        driver.create()
        assert methods(server)
        driver.close()

    def test_it_is_under_the_same_rules(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "pubsub.example.com:80")
        with pytest.raises(PortableError, match="plain http"):
            PubSubQueue(self.ABOUT).create()
