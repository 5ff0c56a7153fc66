"""SQS's requests and answers, to and from the driver's types."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from portable.errors import IntegrityError, PortableError, Unavailable
from portable.queue.driver import Leased, WireMessage
from portable_aws.answers import Answer
from portable_aws.errors import of_entry
from portable_aws.limits import LEASE_MAX
from portable_aws.queue_codes import SQS
from portable_aws.settings import SqsSettings

SYSTEM_ATTRIBUTES = ("ApproximateReceiveCount", "MessageGroupId", "SentTimestamp")
COUNTS: Mapping[str, str] = {
    "visible": "ApproximateNumberOfMessages",
    "leased": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}
# Of an existing queue, at least what is configured.
LEAST: Mapping[str, str] = {
    "MaximumMessageSize": "message_max",
    "MessageRetentionPeriod": "retention",
}


def entry(number: int, message: WireMessage, *, fifo: bool) -> dict[str, Any]:
    """One message of a SendMessageBatch."""
    sent: dict[str, Any] = {"Id": str(number), "MessageBody": message.body.decode()}
    if message.attributes:
        sent["MessageAttributes"] = {
            name: {"DataType": "String", "StringValue": value}
            for name, value in message.attributes.items()
        }
    if fifo:
        sent["MessageDeduplicationId"] = message.dedup_id or message.token
    else:
        sent["DelaySeconds"] = math.ceil(message.delay)  # else the queue's own
    if message.group is not None:
        sent["MessageGroupId"] = message.group
    return sent


def per_entry(answer: Mapping[str, Any], count: int) -> list[Answer | PortableError]:
    """What became of each entry of a batch, in the order in which they were sent."""
    results: dict[str, Answer | PortableError] = {
        each["Id"]: Answer(each) for each in answer.get("Successful", ())
    }
    for each in answer.get("Failed", ()):
        results[each["Id"]] = of_entry(each, "batch", SQS)
    return [results.get(str(number)) or _untold() for number in range(count)]


def _untold() -> PortableError:
    return Unavailable("the answer doesn't say what became of it", ambiguous=True)


def checked_id(sent: Answer, body: bytes) -> str | PortableError:
    """The id of a message, if what SQS stored is what was sent.

    SQS gives the MD5 of what it has; botocore leaves it to its caller.
    """
    if sent["MD5OfMessageBody"] != _md5(body):
        return IntegrityError(
            "SQS has another body than the one that was sent", retryable=True, ambiguous=True
        )
    return str(sent["MessageId"])


def leased(message: Answer) -> Leased:
    """A message of a ReceiveMessage.

    Raises:
        IntegrityError: its body was spoiled on the way; it is handed out again after its lease.
    """
    body = message["Body"].encode()
    if message["MD5OfBody"] != _md5(body):
        raise IntegrityError("a message's body was spoiled on the way", retryable=True)
    system = Answer(message["Attributes"])
    return Leased(
        id=message["MessageId"],
        body=body,
        attributes={
            name: value.get("StringValue") or value.get("BinaryValue", "")
            for name, value in message.get("MessageAttributes", {}).items()
        },
        receipt=message["ReceiptHandle"],
        attempts=int(system["ApproximateReceiveCount"]),
        sent_at=int(system["SentTimestamp"]) / 1000,
        group=system.get("MessageGroupId"),
    )


def _md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def made_with(settings: SqsSettings) -> dict[str, str]:
    """The attributes of a queue that is made here.

    No redrive policy: the core moves dead letters itself, with the reason.
    """
    made = {
        "VisibilityTimeout": str(min(math.ceil(settings.lease), LEASE_MAX)),
        "MessageRetentionPeriod": str(settings.retention),
        "MaximumMessageSize": str(settings.message_max),
    }
    if settings.fifo:
        made["FifoQueue"] = "true"
    if settings.kms_key is not None:
        made["KmsMasterKeyId"] = settings.kms_key
    return made


def differences(wanted: Mapping[str, str], found: Mapping[str, str]) -> Sequence[str]:
    """How an existing queue is other than wanted, where that matters here.

    Its VisibilityTimeout doesn't: each receive has its own. A larger MaximumMessageSize and a
    longer MessageRetentionPeriod do no harm.
    """
    told = []
    for name, setting in LEAST.items():
        has, asked = int(found.get(name, wanted[name])), int(wanted[name])
        if has < asked:
            told.append(f"its {name} is {has:,}, and '{setting}' is {asked:,}")
    key = wanted.get("KmsMasterKeyId")
    if key is not None and found.get("KmsMasterKeyId") != key:
        told.append("it isn't encrypted with the key that 'kms_key' names")
    if "RedrivePolicy" in found:
        told.append(
            "it has a RedrivePolicy, by which SQS moves messages to another queue, without a "
            "reason, where `dead_letters` and `redrive` don't look"
        )
    return told
