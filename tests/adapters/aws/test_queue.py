"""What SQS is asked, what its answers mean, and queues behind a bad connection."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from portable.errors import (
    ClockSkew,
    ConfigError,
    CredentialsExpired,
    IntegrityError,
    InvalidArgument,
    LeaseLost,
    PermissionDenied,
    PortableError,
    QueueNotFound,
    QuotaExceeded,
    Throttled,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from portable.queue import Queue
from portable.queue.driver import WireMessage
from portable.retry import Surroundings
from portable.testing.faults import Answer, Fault, FaultProxy, Request
from portable.testing.servers import S3Server
from portable_aws.errors import from_answer, of_entry
from portable_aws.queue import SQSQueue
from portable_aws.queue_codes import BY_CODE, BY_STATUS, SQS
from portable_aws.settings import SqsSettings

# What each code means to a user: this table and the adapter's were written apart.
MEANING: dict[type[PortableError], str] = {
    ClockSkew: "RequestExpired",
    ConfigError: (
        "InvalidAttributeValue InvalidSecurity KmsInvalidKeyUsage KmsInvalidState KmsNotFound "
        "QueueAlreadyExists QueueNameExists"
    ),
    CredentialsExpired: "ExpiredToken ExpiredTokenException",
    InvalidArgument: (
        "BatchEntryIdsNotDistinct BatchRequestTooLong EmptyBatchRequest InvalidBatchEntryId "
        "InvalidMessageContents InvalidParameterCombination InvalidParameterValue "
        "MissingParameter TooManyEntriesInBatchRequest ValidationError"
    ),
    LeaseLost: "InvalidIdFormat MessageNotInflight ReceiptHandleIsInvalid",
    PermissionDenied: (
        "AccessDenied AccessDeniedException KmsAccessDenied KmsDisabled KmsOptInRequired "
        "NotAuthorized OptInRequired"
    ),
    QueueNotFound: "InvalidAddress QueueDoesNotExist",
    QuotaExceeded: "OverLimit",
    Throttled: "KmsThrottled PurgeQueueInProgress RequestThrottled Throttling ThrottlingException",
    Unauthenticated: (
        "IncompleteSignature InvalidClientTokenId InvalidSignatureException "
        "MissingAuthenticationToken SignatureDoesNotMatch UnrecognizedClientException"
    ),
    Unavailable: "InternalError InternalFailure QueueDeletedRecently ServiceUnavailable",
    Unsupported: "InvalidAttributeName UnsupportedOperation",
}
CODES = [(code, kind) for kind, codes in MEANING.items() for code in codes.split()]
Open = Callable[..., SQSQueue]


def answered(code: str, status: int = 400, text: str = "no", **more: Any) -> PortableError:
    """What an answer of SQS means."""
    meta = {"HTTPStatusCode": status, "HTTPHeaders": {}}
    about = {"Code": code, "Message": text, **more}
    answer: Any = {"Error": about, "ResponseMetadata": meta}
    return from_answer(ClientError(answer, "SendMessage"), SQS)


def message(body: bytes = b"x", **more: Any) -> WireMessage:
    return WireMessage(body=body, attributes=more.pop("attributes", {}), **more)


@pytest.fixture
def open_queue(proxy: FaultProxy) -> Iterator[Open]:
    """Open a queue behind the proxy, made and empty."""
    with ExitStack() as stack:

        def open_queue(**changed: Any) -> SQSQueue:
            usual = SqsSettings(
                name=f"q{time.monotonic_ns()}",
                region="us-east-1",
                endpoint=proxy.endpoint,
                read_timeout=10.0,
                connect_timeout=10.0,
                deadline=30.0,
            )
            queue = SQSQueue(replace(usual, **changed))
            stack.callback(queue.close)
            queue.create()
            proxy.clear()
            return queue

        yield open_queue


def asked(request: Request) -> dict[str, Any]:
    """What a request says."""
    said: dict[str, Any] = json.loads(request.body)
    return said


class TestCodes:
    def test_every_code_of_the_table_is_here(self) -> None:
        """So that a new one says here what it means."""
        assert {code for code, _ in CODES} == set(BY_CODE)

    @pytest.mark.parametrize(("code", "kind"), CODES)
    def test_a_code_means_what_users_are_told(self, code: str, kind: type[PortableError]) -> None:
        """By its name of today, and by the one of the older protocol."""
        error = answered(code)
        assert type(error) is kind
        assert f"no ({code})" in error.message
        assert error.retryable == (kind in (Throttled, Unavailable))
        old = answered(f"AWS.SimpleQueueService.{code}", QueryErrorCode=code)
        assert (type(old), old.message) == (kind, error.message)

    @pytest.mark.parametrize(("status", "kind"), BY_STATUS.items())
    def test_a_status_counts_where_the_code_is_unknown(
        self, status: int, kind: type[PortableError]
    ) -> None:
        assert type(answered("NewCode", status)) is kind

    def test_a_404_of_a_stranger_makes_no_queue_missing(self) -> None:
        assert type(answered("", 404)) is PortableError

    @pytest.mark.parametrize(
        ("code", "text", "kind"),
        [
            ("SignatureDoesNotMatch", "Signature expired: 2014 is now earlier than", ClockSkew),
            ("InvalidSignatureException", "Signature not yet current: 2019", ClockSkew),
            ("InvalidParameterValue", "Reason: The receipt handle has expired.", LeaseLost),
        ],
    )
    def test_words_say_more_than_a_code(
        self, code: str, text: str, kind: type[PortableError]
    ) -> None:
        """These codes stand for several things."""
        assert type(answered(code, text=text)) is kind

    @pytest.mark.parametrize(
        ("code", "status", "ambiguous"),
        [
            ("InternalError", 500, True),
            ("ServiceUnavailable", 503, False),
            ("RequestThrottled", 400, False),
            ("", 502, True),
        ],
    )
    def test_only_what_may_have_been_done_is_ambiguous(
        self, code: str, status: int, ambiguous: bool
    ) -> None:
        error = answered(code, status)
        assert error.retryable
        assert error.ambiguous is ambiguous

    def test_waits_are_those_of_the_documentation(self) -> None:
        """A minute between two purges, and after a queue was deleted."""
        assert answered("PurgeQueueInProgress", 403).retry_after == 60
        assert answered("QueueDeletedRecently").retry_after == 60

    def test_a_queue_that_takes_less_says_what_to_set(self) -> None:
        error = answered("InvalidParameterValue", text="Message must be shorter than 2048 bytes")
        assert "message_max" in error.message

    def test_an_entry_that_failed_there_may_have_been_done(self) -> None:
        """And one that was our fault wasn't."""
        failed = of_entry({"Code": "InternalError", "SenderFault": False}, "batch", SQS)
        assert (type(failed), failed.ambiguous) == (Unavailable, True)
        wrong = of_entry({"Code": "InvalidMessageContents", "SenderFault": True}, "batch", SQS)
        assert (type(wrong), wrong.ambiguous) == (InvalidArgument, False)


class TestRequests:
    def test_the_url_is_looked_up_once(self, open_queue: Open, proxy: FaultProxy) -> None:
        """And each call is one request then; a missing queue is looked up again."""
        queue = open_queue()
        twin = SQSQueue(queue._settings)
        for _ in range(3):
            twin.send([message()])
        targets = [request.header("x-amz-target") for request in proxy.requests]
        assert Counter(targets) == {
            "AmazonSQS.GetQueueUrl": 1,
            "AmazonSQS.SendMessageBatch": 3,
        }
        queue.delete()
        for _ in range(2):
            with pytest.raises(QueueNotFound):
                twin.stats()
        twin.close()

    def test_a_send_says_all_of_it(self, open_queue: Open, proxy: FaultProxy) -> None:
        """The delay is sent when it is 0, too: the queue may have one of its own."""
        queue = open_queue()
        queue.send([message(attributes={"a": "b"}), message(delay=1.2)])
        one, two = asked(proxy.requests[0])["Entries"]
        assert one["MessageAttributes"] == {"a": {"DataType": "String", "StringValue": "b"}}
        assert (one["DelaySeconds"], two["DelaySeconds"]) == (0, 2)
        assert "MessageDeduplicationId" not in one

    def test_a_fifo_send_is_kept_once_by_its_id_or_token(
        self, open_queue: Open, proxy: FaultProxy
    ) -> None:
        queue = open_queue(fifo=True)
        queue.send([message(group="g", token="t1")])
        queue.send([message(group="g", token="t2", dedup_id="mine")])
        sent = [asked(request)["Entries"][0] for request in proxy.requests]
        assert [each["MessageDeduplicationId"] for each in sent] == ["t1", "mine"]
        assert all("DelaySeconds" not in each for each in sent)
        assert proxy.requests[0].body.count(b".fifo") >= 1

    def test_times_are_whole_seconds_rounded_up(self, open_queue: Open, proxy: FaultProxy) -> None:
        queue = open_queue()
        queue.send([message()])
        (leased,) = queue.receive(10, wait=0.2, lease=1.5)
        queue.extend([leased.receipt], 2.1)
        receive, extend = (asked(request) for request in proxy.requests[-2:])
        assert (receive["WaitTimeSeconds"], receive["VisibilityTimeout"]) == (1, 2)
        assert extend["Entries"][0]["VisibilityTimeout"] == 3

    def test_a_queue_is_made_to_keep_messages_long(self, open_queue: Open) -> None:
        """For 14 days, and without a redrive policy: dead letters are the core's."""
        queue = open_queue(lease=45.0)
        found = queue._attributes(["All"])
        assert found["MessageRetentionPeriod"] == str(14 * 24 * 3600)
        assert found["VisibilityTimeout"] == "45"
        assert "RedrivePolicy" not in found

    def test_a_queue_that_was_made_differently_is_named(
        self, open_queue: Open, proxy: FaultProxy
    ) -> None:
        """With what differs, where that matters; more than what is asked for does no harm."""
        queue = open_queue(message_max=2048, retention=100, lease=7.0)
        twin = SQSQueue(replace(queue._settings, message_max=4096, retention=3600))
        with pytest.raises(ConfigError, match=r"'message_max' is 4,096.*'retention' is 3,600"):
            twin.create()
        less = SQSQueue(replace(queue._settings, message_max=1024, retention=60, lease=30.0))
        less.create()
        twin.close()
        less.close()

    def test_a_redrive_policy_is_refused(self, open_queue: Open) -> None:
        """SQS would move messages to where nobody here looks."""
        queue, dead = open_queue(), open_queue()
        arn = dead._attributes(["QueueArn"])["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "3"})
        queue.native.set_queue_attributes(
            QueueUrl=queue._queue_url(), Attributes={"RedrivePolicy": policy}
        )
        with pytest.raises(ConfigError, match="RedrivePolicy"):
            queue.create()

    def test_a_refusal_to_make_a_queue_is_told(self, open_queue: Open, proxy: FaultProxy) -> None:
        """Not that there is none."""
        queue = open_queue()
        queue.delete()
        body = b'{"__type":"com.amazonaws.sqs#KmsNotFound","message":"No such key."}'
        proxy.clear()
        proxy.add(Fault("status", answer=Answer(400, (), body)))
        with pytest.raises(ConfigError, match="No such key"):
            queue.create()

    def test_a_long_poll_ends_before_the_sockets_timeout(self, open_queue: Open) -> None:
        """Else each would look like a broken connection, with its messages leased."""
        assert open_queue(read_timeout=5.0).capabilities.wait_max == 4
        assert open_queue(read_timeout=0.5).capabilities.wait_max == 0
        assert open_queue(read_timeout=60.0).capabilities.wait_max == 20


class TestForeignMessages:
    def test_an_attribute_of_bytes_is_their_base64(self, open_queue: Open) -> None:
        """Attributes are text here, and a dead letter must take them along."""
        queue = open_queue()
        queue.native.send_message(
            QueueUrl=queue.native.get_queue_url(QueueName=queue._settings.queue_name)["QueueUrl"],
            MessageBody="x",
            MessageAttributes={
                "digest": {"DataType": "Binary.sha1", "BinaryValue": b"\x00\xff"},
                "count": {"DataType": "Number", "StringValue": "7"},
            },
        )
        (found,) = queue.receive(1, wait=1, lease=30)
        assert found.attributes == {"digest": "AP8=", "count": "7"}


class TestSpoiledAnswers:
    def test_a_spoiled_body_is_noticed(self, open_queue: Open, proxy: FaultProxy) -> None:
        """SQS gives an MD5, which botocore leaves to us; the message comes again."""
        queue = open_queue()
        queue.send([message(b"payload")])

        def spoil(_: Request, answer: Answer) -> Answer:
            return replace(answer, body=answer.body.replace(b"payload", b"paXload"))

        proxy.add(Fault("swap", change=spoil))
        with pytest.raises(IntegrityError) as caught:
            queue.receive(1, wait=0, lease=1)
        assert caught.value.retryable
        looks = (queue.receive(1, wait=1.9, lease=30) for _ in range(10))
        (again,) = next(filter(None, looks))
        assert again.body == b"payload"

    def test_another_body_than_the_one_sent_is_noticed(
        self, open_queue: Open, proxy: FaultProxy
    ) -> None:
        queue = open_queue()
        digest = hashlib.md5(b"payload", usedforsecurity=False).hexdigest().encode()

        def spoil(_: Request, answer: Answer) -> Answer:
            return replace(answer, body=answer.body.replace(digest, b"0" * 32))

        proxy.add(Fault("swap", change=spoil))
        (result,) = queue.send([message(b"payload")])
        assert isinstance(result, IntegrityError)
        assert result.ambiguous

    @pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"Successful": [{}', b"<html>"])
    def test_an_answer_without_the_entries_proves_nothing(
        self, open_queue: Open, proxy: FaultProxy, body: bytes
    ) -> None:
        """botocore makes an empty answer of each of these."""
        queue = open_queue()
        proxy.add(Fault("status", answer=Answer(200, (), body), times=None))
        try:
            (result,) = queue.send([message()])
        except PortableError as error:
            result = error
        assert isinstance(result, Unavailable)
        assert result.ambiguous

    def test_a_queue_made_just_now_may_not_be_there_yet(
        self, open_queue: Open, proxy: FaultProxy
    ) -> None:
        """SQS wants a second; it is asked again."""
        queue = open_queue()
        body = json.dumps({"__type": "com.amazonaws.sqs#QueueDoesNotExist"}).encode()
        proxy.add(Fault("status", answer=Answer(400, (), body)))
        with pytest.raises(Unavailable) as caught:
            queue.stats()
        assert (caught.value.retryable, caught.value.retry_after) == (True, 1.0)


FAILED = Answer(500, (), b'{"__type":"com.amazonaws.sqs#InternalFailure","message":"Oops."}')
BUSY = Answer(400, (), b'{"__type":"com.amazonaws.sqs#RequestThrottled","message":"Slower."}')
FAULTS: dict[str, Fault] = {
    "lost answer": Fault("lost"),
    "cut up": Fault("cut_up", at=10),
    "reset": Fault("reset", at=5),
    "truncated": Fault("truncate", at=5),
    "stall": Fault("stall", seconds=3.0),
    "500": Fault("status", answer=FAILED),
    "throttled": Fault("status", answer=BUSY),
}
OPERATIONS = {
    "send": "SendMessageBatch",
    "receive": "ReceiveMessage",
    "ack": "DeleteMessageBatch",
    "extend": "ChangeMessageVisibilityBatch",
    "stats": "GetQueueAttributes",
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_loses_a_message(
    moto: S3Server, proxy: FaultProxy, fault: str, operation: str
) -> None:
    """Each is got over by a second request; at least once means that a send may count twice."""
    settings = SqsSettings(
        name=f"q{time.monotonic_ns()}",
        region="us-east-1",
        endpoint=proxy.endpoint,
        # A server that is busy for a second isn't another fault.
        read_timeout=1.0 if fault == "stall" else 10.0,
        connect_timeout=10.0,
    )
    make: Any = SQSQueue
    surroundings = Surroundings(sleep=lambda _: None)
    queue = Queue(make, settings, provider="aws", payloads=None, surroundings=surroundings)
    queue.create()
    target = f"AmazonSQS.{OPERATIONS[operation]}"
    rule = proxy.add(
        replace(FAULTS[fault], match=lambda request: request.header("x-amz-target") == target)
    )
    queue.send("x")
    begun = time.monotonic()
    if operation == "receive":  # its answer may be lost, and then its lease has to end
        for found in queue.receive(lease=1):
            found.nack()
    (held,) = _patiently(queue)
    held.extend(60)
    assert queue.stats().total in (1, 2)
    assert held.ack() is True
    assert held.body == "x"
    assert rule.fired == 1
    assert time.monotonic() - begun < 30
    for again in queue.receive(10):
        assert (fault, operation) == ("lost answer", "send") or fault in (
            "reset",
            "truncated",
            "stall",
        )
        assert again.body == "x"
    queue.close()


def _patiently(queue: Queue) -> list[Any]:
    """A lease that nobody has any more has to end first."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if found := queue.receive(lease=30):
            return found
        time.sleep(0.1)
    return []
