"""Queues of the aws provider, against stand-ins on this machine."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock

from portable.errors import LeaseLost, PortableError
from portable.queue import Queue
from portable.queue.driver import Leased, WireMessage
from portable.retry import Surroundings
from portable.testing.queues.harness import QueueHarness, QueueOracle
from portable.testing.targets.memory import open_memory_bucket
from portable.testing.targets.s3 import REGION
from portable_aws.queue import SQSQueue
from portable_aws.settings import SqsSettings

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MOTO_QUIRKS: Mapping[str, str] = {
    "old_receipt_acks": "moto keeps every receipt of a message, and each removes it",
    "old_receipt_extends": "moto keeps every receipt of a message, and each hands it back",
    "age_limits_leases": "moto counts SQS's 12 hours from the send, not from the receive",
}
FAUXQS_QUIRKS: Mapping[str, str] = {
    "no_astral_text": "fauxqs takes no character above U+FFFF, and SQS does",
}


class MotoClock:
    """The time, and how far a test is ahead of it; long polls take their time."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.ahead

    def advance(self, seconds: float) -> None:
        """Let time pass, at once."""
        self.ahead += seconds

    def in_queues(self) -> float:
        """The time that moto's queues have."""
        return self.now()

    @contextmanager
    def in_moto(self) -> Iterator[None]:
        """Make it the clock of moto's queues in this process."""
        from moto.sqs import models

        def milliseconds() -> float:
            return self.in_queues() * 1000.0

        with (
            mock.patch.object(models, "unix_time", self.in_queues),
            mock.patch.object(models, "unix_time_millis", milliseconds),
        ):
            yield

    @property
    def surroundings(self) -> Surroundings:
        """The same time for a queue; its pauses are none."""
        return Surroundings(clock=self.now, sleep=self.advance, now=self.now)


class FrozenMotoClock(MotoClock):
    """A time that stands still; in moto's queues eight seconds pass in one, as SQS has no parts."""

    TIMES = 8

    def __init__(self) -> None:
        super().__init__()
        self._begin = time.time()
        self._looks = 0

    def now(self) -> float:
        return self._begin + self.ahead

    def in_queues(self) -> float:
        self._looks += 1  # to moto, what becomes visible now isn't yet
        return self._begin + self.ahead * self.TIMES + self._looks * 1e-6


class _Held(SQSQueue):
    """Takes only receipts that are still good, as SQS does and moto doesn't."""

    def __init__(
        self, settings: SqsSettings, *, clock: FrozenMotoClock, held: dict[str, tuple[str, float]]
    ) -> None:
        super().__init__(settings)
        self._clock = clock
        self._held = held

    def send(self, messages: Sequence[WireMessage]) -> Sequence[str | PortableError]:
        times = self._clock.TIMES
        return super().send([replace(each, delay=each.delay * times) for each in messages])

    def receive(self, limit: int, *, wait: float, lease: float) -> Sequence[Leased]:
        found = super().receive(limit, wait=0, lease=lease * self._clock.TIMES)
        if not found:
            self._clock.advance(wait)  # moto would wait for a clock that stands still
        for each in found:
            self._held[each.id] = (each.receipt, self._clock.now() + lease)
        return found

    def ack(self, receipts: Sequence[str]) -> Sequence[PortableError | None]:
        return [
            super(_Held, self).ack([each])[0] if self._is_good(each) else None for each in receipts
        ]

    def extend(self, receipts: Sequence[str], lease: float) -> Sequence[str | PortableError]:
        return [self._extend(each, lease) for each in receipts]

    def _extend(self, receipt: str, lease: float) -> str | PortableError:
        if not self._is_good(receipt):
            return LeaseLost("the lease ended")
        for id, (held, _) in self._held.items():
            if held == receipt:
                self._held[id] = (receipt, self._clock.now() + lease)
        return super().extend([receipt], lease * self._clock.TIMES)[0]

    def _is_good(self, receipt: str) -> bool:
        return any(
            held == receipt and until > self._clock.now() for held, until in self._held.values()
        )


class SqsOracle(QueueOracle):
    """One queue through boto3."""

    def __init__(self, client: SQSClient, name: str) -> None:
        self._client = client
        self._name = name

    def send(self, body: bytes, attributes: Mapping[str, str]) -> None:
        named: Any = {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        }
        self._client.send_message(
            QueueUrl=self._url(), MessageBody=body.decode(), MessageAttributes=named
        )

    def take(self) -> tuple[bytes, Mapping[str, str]] | None:
        url = self._url()
        answer = self._client.receive_message(
            QueueUrl=url, MessageAttributeNames=["All"], MaxNumberOfMessages=1
        )
        for message in answer.get("Messages", ()):
            self._client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            named = message.get("MessageAttributes", {})
            attributes = {name: value.get("StringValue", "") for name, value in named.items()}
            return message["Body"].encode(), attributes
        return None

    def _url(self) -> str:
        return self._client.get_queue_url(QueueName=self._name)["QueueUrl"]


def open_sqs_queue(
    name: str,
    *,
    surroundings: Surroundings | None = None,
    payloads: str | None = None,
    **settings: Any,
) -> Queue:
    """A queue on whatever boto3 reaches, with its large bodies in memory."""
    make: Any = SQSQueue
    return Queue(
        make,
        SqsSettings(name=name, region=REGION, **settings),
        provider="aws",
        payloads=partial(open_memory_bucket, payloads or name),
        surroundings=surroundings or Surroundings(),
    )


def open_frozen_sqs_queue(clock: FrozenMotoClock) -> tuple[Queue, Callable[[float], None]]:
    """A new queue under `mock_aws` by a clock that stands still, and how to move it."""
    make: Any = partial(_Held, clock=clock, held={})
    name = f"q{uuid.uuid4().hex[:16]}"
    settings = SqsSettings(name=name, region=REGION, max_attempts=1000, attempts=10, deadline=1e6)
    queue = Queue(make, settings, provider="aws", payloads=None, surroundings=clock.surroundings)
    return queue, clock.advance


def sqs_harness(
    client: SQSClient,
    *,
    endpoint: str | None = None,
    clock: MotoClock | None = None,
    quirks: Mapping[str, str],
    denied_queue: Callable[[], Queue] | None = None,
) -> QueueHarness:
    """A queue of a new name on the server of *client*, and a FIFO queue beside it."""
    from botocore.exceptions import BotoCoreError, ClientError

    name = f"q{uuid.uuid4().hex[:16]}"
    opened = partial(
        open_sqs_queue,
        endpoint=endpoint,
        surroundings=clock.surroundings if clock else None,
    )
    return QueueHarness(
        open_queue=partial(opened, name),
        oracle=SqsOracle(client, name),
        payloads=open_memory_bucket(name),
        advance=clock.advance if clock else None,
        ordered_queue=partial(opened, name, fifo=True),
        denied_queue=denied_queue,
        sdk_errors=(BotoCoreError, ClientError),
        quirks=quirks,
        many=30,
    )
