"""What a queue on Pub/Sub is made of, and which ones of others are taken."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

import grpc
import pytest

from portable.errors import (
    ConfigError,
    PermissionDenied,
    PortableError,
    QueueNotFound,
)
from portable.testing.fakes.pubsub import FakePubSub, Fault
from portable.testing.targets.pubsub import open_pubsub_queue
from portable_gcp.queue import PubSubQueue
from portable_gcp.queue_settings import PubSubSettings

from .support import SUBSCRIPTION, TOPIC, Open, make, methods, wire


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
