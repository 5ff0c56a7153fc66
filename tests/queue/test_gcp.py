"""Pub/Sub passes the conformance suite, on the fake one."""

from __future__ import annotations

import time
import unittest
from collections.abc import Iterator
from functools import partial
from typing import Any

import grpc
import pytest

from portable.testing import queue_state_machine
from portable.testing.fakes.pubsub import FakePubSub, Fault
from portable.testing.queues import QueueConformance, QueueHarness
from portable.testing.targets.pubsub import isolate, open_frozen_pubsub_queue, pubsub_queue_harness


@pytest.fixture(scope="module")
def server() -> Iterator[FakePubSub]:
    with FakePubSub() as server:
        yield server


@pytest.fixture(scope="module")
def denying() -> Iterator[FakePubSub]:
    with FakePubSub() as server:
        server.add(Fault("*", grpc.StatusCode.PERMISSION_DENIED, times=None))
        yield server


@pytest.fixture(scope="module")
def channel(server: FakePubSub) -> Iterator[Any]:
    channel = grpc.insecure_channel(server.host, options=[("grpc.max_receive_message_length", -1)])
    yield channel
    channel.close()


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch)


class TestPubSub(QueueConformance):
    @pytest.fixture
    def harness(self, server: FakePubSub, denying: FakePubSub, channel: Any) -> QueueHarness:
        return pubsub_queue_harness(server, denying, channel)


class TestPubSubExactlyOnce(QueueConformance):
    @pytest.fixture
    def harness(self, server: FakePubSub, denying: FakePubSub, channel: Any) -> QueueHarness:
        return pubsub_queue_harness(server, denying, channel, exactly_once=True)


def test_random_calls_do_what_a_model_does() -> None:
    moment = time.time()
    with FakePubSub(clock=lambda: moment) as server:
        case: Any = queue_state_machine(
            partial(open_frozen_pubsub_queue, server), examples=25, steps=30
        )
        result = unittest.TestResult()
        case("runTest").run(result)
    assert result.wasSuccessful(), result.errors + result.failures
