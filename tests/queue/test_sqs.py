"""Queues on SQS conform, on three stand-ins that are each wrong somewhere else."""

from __future__ import annotations

import unittest
from collections.abc import Iterator
from functools import partial
from typing import Any

import boto3
import pytest
from moto import mock_aws

from portable.testing import QueueConformance, QueueHarness, queue_state_machine
from portable.testing.servers import (
    S3Server,
    fauxqs,
    moto_server,
    queue_client,
    required,
)
from portable.testing.targets.s3 import REGION, isolate
from portable.testing.targets.sqs import (
    FAUXQS_QUIRKS,
    MOTO_QUIRKS,
    FrozenMotoClock,
    MotoClock,
    open_frozen_sqs_queue,
    sqs_harness,
)

IN_PROCESS = {
    **MOTO_QUIRKS,
    "in_process": "mock_aws patches botocore in this process only",
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch)


# moto in this process is tested anyway.
@pytest.fixture(
    scope="module",
    params=[fauxqs, pytest.param(moto_server, marks=pytest.mark.soak)],
    ids=["fauxqs", "moto_server"],
)
def server(request: pytest.FixtureRequest) -> Iterator[S3Server]:
    with required(request.param()) as started:
        yield started


class TestMotoInProcess(QueueConformance):
    """What users' own tests with `mock_aws` see, by a clock that the suite moves."""

    @pytest.fixture
    def harness(self) -> Iterator[QueueHarness]:
        """A queue of a new name."""
        clock = MotoClock()
        with mock_aws(), clock.in_moto():
            client = boto3.session.Session().client("sqs", region_name=REGION)
            yield sqs_harness(client, clock=clock, quirks=IN_PROCESS)


class TestOverASocket(QueueConformance):
    """Other processes reach it."""

    @pytest.fixture
    def harness(self, server: S3Server) -> Iterator[QueueHarness]:
        """A queue of a new name."""
        client = queue_client(server)
        quirks = MOTO_QUIRKS if server.name == "moto" else FAUXQS_QUIRKS
        yield sqs_harness(client, endpoint=server.endpoint, quirks=quirks)
        client.close()


def test_random_calls_do_what_a_model_does() -> None:
    """In this process, by a clock that stands still between them."""
    clock = FrozenMotoClock()
    with mock_aws(), clock.in_moto():
        case: Any = queue_state_machine(partial(open_frozen_sqs_queue, clock), examples=5, steps=25)
        result = unittest.TestResult()
        case("runTest").run(result)
    assert result.wasSuccessful(), result.errors + result.failures
