"""What portable adds to the SDK's own calls on a queue, with moto in this process."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from unittest import mock

import portable

CALLS = 100  # of each, in a round
WARM_UP = 20
BODY = {"text": "x" * 180}
MARK = {"portable": {"DataType": "String", "StringValue": "json"}}
SURROUNDINGS = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_EC2_METADATA_DISABLED": "true",
}

Call = Callable[[], None]


def run(rounds: int) -> str:
    """A Markdown table."""
    lines = [
        "### What portable adds to boto3's SQS, moto in this process, 200 bytes",
        "",
        "| send, receive and ack | boto3, µs | portable, µs | more |",
        "|---|---:|---:|---:|",
    ]
    from moto import mock_aws  # once it is there, buckets of S3 leave the fast engine

    with mock.patch.dict(os.environ, SURROUNDINGS), mock_aws():
        for count in (1, 10):
            theirs, ours = _compare(*_pair(count), rounds)
            more = 100 * (ours / theirs - 1)
            lines.append(f"| {count} message(s) | {theirs:.0f} | {ours:.0f} | {more:+.1f} % |")
    return "\n".join(lines) + "\n"


def _pair(count: int) -> tuple[Call, Call]:
    """The SDK's calls, and ours that come to the same requests."""
    queue = portable.open_queue(f"sqs://bench-{count}?region=us-east-1")
    queue.create()
    client = queue.native
    url = client.get_queue_url(QueueName=queue.name)["QueueUrl"]

    def theirs() -> None:
        client.send_message_batch(
            QueueUrl=url,
            Entries=[
                {"Id": str(n), "MessageBody": json.dumps(BODY), "MessageAttributes": MARK}
                for n in range(count)
            ],
        )
        found = client.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=count,
            VisibilityTimeout=30,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )["Messages"]
        for message in found:
            assert json.loads(message["Body"]) == BODY
        client.delete_message_batch(
            QueueUrl=url,
            Entries=[
                {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
                for n, message in enumerate(found)
            ],
        )

    def ours() -> None:
        queue.send_many([BODY] * count)
        found = queue.receive(count)
        for message in found:
            assert message.body == BODY
        queue.ack_many(found)

    return theirs, ours


def _compare(theirs: Call, ours: Call, rounds: int) -> tuple[float, float]:
    """Medians in µs of the process's own time, calls in turn."""
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds * CALLS + WARM_UP):
        for seconds, call in zip(taken, (theirs, ours), strict=True):
            begun = time.process_time()
            call()
            if number >= WARM_UP:
                seconds.append(1e6 * (time.process_time() - begun))
    return statistics.median(taken[0]), statistics.median(taken[1])
