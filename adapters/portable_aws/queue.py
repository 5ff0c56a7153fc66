"""A queue on SQS: one request a method."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from portable.errors import (
    ConfigError,
    PortableError,
    QueueNotFound,
    Unavailable,
    Unsupported,
)
from portable.queue.driver import Leased, WireMessage
from portable.queue.types import QueueStats
from portable_aws.answers import Answer
from portable_aws.client import make_queue_client
from portable_aws.errors import translated
from portable_aws.limits import queue_capabilities
from portable_aws.queue_codes import SQS
from portable_aws.queue_shapes import (
    COUNTS,
    SYSTEM_ATTRIBUTES,
    checked_id,
    differences,
    entry,
    leased,
    made_with,
    per_entry,
)
from portable_aws.settings import SqsSettings

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# "You must wait at least one second after the queue is created to be able to use the queue":
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
NEW_SECONDS = 5.0


class SQSQueue:
    """`QueueDriver` over one standard or FIFO queue."""

    def __init__(self, settings: SqsSettings) -> None:
        self._client = make_queue_client(settings)
        self._settings = settings
        self._url = ""
        self._made_at = -math.inf
        self._lock = threading.Lock()
        self.capabilities = queue_capabilities(settings)

    @property
    def native(self) -> SQSClient:
        return self._client

    def create(self) -> None:
        name, wanted = self._settings.queue_name, made_with(self._settings)
        try:
            self._url = self._ask("create_queue", QueueName=name, Attributes=wanted)["QueueUrl"]
        except ConfigError as refusal:  # there is one with other attributes; some don't matter
            try:
                self._check(wanted)
            except QueueNotFound:
                raise refusal from refusal.__cause__
            return
        self._made_at = time.monotonic()
        self._check(wanted)  # SQS compares only what it was given

    def delete(self) -> None:
        self._made_at = -math.inf
        try:
            self._send("delete_queue")
        except QueueNotFound:
            return
        finally:
            self._url = ""

    def send(self, messages: Sequence[WireMessage]) -> Sequence[str | PortableError]:
        entries = [
            entry(number, message, fifo=self._settings.fifo)
            for number, message in enumerate(messages)
        ]
        answer = self._send("send_message_batch", Entries=entries)
        return [
            result if isinstance(result, PortableError) else checked_id(result, message.body)
            for message, result in zip(messages, per_entry(answer, len(messages)), strict=True)
        ]

    def receive(self, limit: int, *, wait: float, lease: float) -> Sequence[Leased]:
        answer = self._send(
            "receive_message",
            MaxNumberOfMessages=limit,
            WaitTimeSeconds=math.ceil(wait),
            VisibilityTimeout=math.ceil(lease),
            MessageSystemAttributeNames=SYSTEM_ATTRIBUTES,
            MessageAttributeNames=["All"],
        )
        return [leased(Answer(message)) for message in answer.get("Messages", ())]

    def ack(self, receipts: Sequence[str]) -> Sequence[PortableError | None]:
        entries = [{"Id": str(n), "ReceiptHandle": each} for n, each in enumerate(receipts)]
        answer = self._send("delete_message_batch", Entries=entries)
        return [
            result if isinstance(result, PortableError) else None
            for result in per_entry(answer, len(receipts))
        ]

    def extend(self, receipts: Sequence[str], lease: float) -> Sequence[str | PortableError]:
        seconds = math.ceil(lease)
        entries = [
            {"Id": str(n), "ReceiptHandle": each, "VisibilityTimeout": seconds}
            for n, each in enumerate(receipts)
        ]
        answer = self._send("change_message_visibility_batch", Entries=entries)
        return [
            result if isinstance(result, PortableError) else receipt
            for receipt, result in zip(receipts, per_entry(answer, len(receipts)), strict=True)
        ]

    def peek(self, limit: int) -> Sequence[Leased]:
        raise Unsupported("SQS shows a message only to who leases it: use `receive`")

    def stats(self) -> QueueStats:
        counted = self._attributes([*COUNTS.values()])
        return QueueStats(**{name: int(counted[theirs]) for name, theirs in COUNTS.items()})

    def purge(self) -> None:
        self._send("purge_queue")

    def close(self) -> None:
        self._client.close()

    def _send(self, operation: str, **asked: Any) -> Answer:
        """A request about the queue, whose URL is looked up once."""
        try:
            return self._ask(operation, QueueUrl=self._queue_url(), **asked)
        except QueueNotFound as error:
            self._url = ""
            if time.monotonic() - self._made_at < NEW_SECONDS:
                raise Unavailable(
                    f"the queue was made just now: {error.message}", retry_after=1.0
                ) from error
            raise

    def _queue_url(self) -> str:
        with self._lock:
            if not self._url:
                answer = self._ask("get_queue_url", QueueName=self._settings.queue_name)
                self._url = answer["QueueUrl"]
            return self._url

    def _ask(self, operation: str, **asked: Any) -> Answer:
        with translated(SQS):
            return Answer(getattr(self._client, operation)(**asked))

    def _attributes(self, names: Sequence[str]) -> Mapping[str, str]:
        answer = self._send("get_queue_attributes", AttributeNames=names)
        return Answer(answer["Attributes"])

    def _check(self, wanted: Mapping[str, str]) -> None:
        if found := differences(wanted, self._attributes(["All"])):
            raise ConfigError(
                f"there is a queue {self._settings.queue_name!r} that was made differently: "
                f"{'; '.join(found)}. Change the settings or the queue"
            )
