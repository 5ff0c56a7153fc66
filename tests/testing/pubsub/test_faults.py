"""The fake Pub/Sub: what goes wrong on demand."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.api_core import exceptions as sdk

from portable.testing.fakes.pubsub import FakePubSub, Fault
from tests.testing.pubsub.support import ONCE, SUBSCRIPTION, TOPIC, publish


class TestFaults:
    @pytest.mark.parametrize("status", list(grpc.StatusCode)[1:])
    def test_a_status_is_answered_as_often_as_wished(
        self, server: FakePubSub, publisher: Any, status: grpc.StatusCode
    ) -> None:
        server.add(Fault("GetTopic", status, times=2))
        for _ in range(2):
            with pytest.raises(sdk.GoogleAPICallError) as refused:
                publisher.get_topic(topic=TOPIC, **ONCE)
            assert refused.value.grpc_status_code is status
        assert publisher.get_topic(topic=TOPIC, **ONCE).name == TOPIC

    def test_an_answer_can_be_lost_with_the_work_done(
        self, server: FakePubSub, publisher: Any, subscribe: Callable[..., None]
    ) -> None:
        subscribe()
        server.add(Fault("Publish", grpc.StatusCode.UNAVAILABLE, after=True))
        with pytest.raises(sdk.ServiceUnavailable):
            publish(publisher, b"x")
        assert [message.data for message in server.held(SUBSCRIPTION)] == [b"x"]

    def test_an_answer_can_come_late(self, server: FakePubSub, publisher: Any) -> None:
        server.add(Fault("GetTopic", delay=20))
        began = time.monotonic()
        with pytest.raises(sdk.DeadlineExceeded):
            publisher.get_topic(topic=TOPIC, retry=None, timeout=0.1)
        assert time.monotonic() - began < 5
        assert publisher.get_topic(topic=TOPIC, **ONCE).name == TOPIC

    def test_faults_are_forgotten_when_cleared(self, server: FakePubSub, publisher: Any) -> None:
        server.add(Fault("*", grpc.StatusCode.INTERNAL, times=None))
        with pytest.raises(sdk.InternalServerError):
            publisher.get_topic(topic=TOPIC, **ONCE)
        server.clear()
        publisher.get_topic(topic=TOPIC, **ONCE)
        assert [method for method, _ in server.requests] == ["GetTopic"]
