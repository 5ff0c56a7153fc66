"""Messages of others, messages for others, and messages that lie."""

from __future__ import annotations

import json

import pytest

from portable.errors import IntegrityError
from portable.queue import Queue
from portable.testing.queues.base import QueueCases, take_one
from portable.testing.queues.harness import QueueHarness


class ForeignCases(QueueCases):
    """What the oracle sends and takes."""

    @pytest.mark.parametrize("body", [b"hello", b'{"a": 1}', b'{"portable":1}', b"AAAA"])
    def test_foreign_message_is_handed_out_as_bytes(
        self, queue: Queue, harness: QueueHarness, body: bytes
    ) -> None:
        """With its attributes, where the provider has them."""
        queue.create()
        attributes = {"trace": "1"} if queue.capabilities.attributes_max else {}
        harness.oracle.send(body, attributes)
        message = take_one(queue)
        assert (message.body, dict(message.attributes)) == (body, attributes)
        message.ack()
        assert harness.oracle.take() is None

    def test_others_can_read_a_plain_message(self, queue: Queue, harness: QueueHarness) -> None:
        """JSON is JSON, and attributes are attributes where the provider has them."""
        queue.send({"lr": 0.1}, attributes={"trace": "1"})
        taken = harness.oracle.take()
        assert taken is not None
        body, attributes = taken
        if queue.capabilities.attributes_max:
            assert json.loads(body) == {"lr": 0.1}
            assert attributes["trace"] == "1"
            assert attributes["portable"] == "json"
        else:
            assert json.loads(json.loads(body)["body"]) == {"lr": 0.1}

    def test_foreign_message_dies_as_it_came(self, queue: Queue, harness: QueueHarness) -> None:
        """Dead letters keep its bytes."""
        queue.create()
        harness.oracle.send(b"hello", {})
        take_one(queue).dead_letter("who are you")
        dead = queue.dead_letters
        assert dead is not None
        letter = take_one(dead)
        assert letter.body == b"hello"
        letter.ack()

    @pytest.mark.parametrize(
        "key",
        [
            "secret",
            "portable-payloads/../secret",
            "portable-payloads/other/" + "0" * 32,
            "portable-payloads/NAME/../../secret",
            "portable-payloads/NAME/notes.txt",
            "",
            7,
        ],
    )
    def test_forged_payload_reads_and_removes_nothing(
        self, queue: Queue, harness: QueueHarness, key: object
    ) -> None:
        """A message can't name a key that the queue itself wouldn't make."""
        queue.create()
        for there in ("secret", "portable-payloads/other/" + "0" * 32):
            harness.payloads.put(there, b"secret")
        own = key.replace("NAME", queue.name) if isinstance(key, str) else key
        pointer = json.dumps({"key": own, "size": 6, "sha256": "0" * 64})
        self._forge(queue, harness, pointer)
        message = take_one(queue)
        with pytest.raises(IntegrityError, match="no key of this queue's"):
            _ = message.body
        message.ack()
        assert len(list(harness.payloads.list())) == 2

    @pytest.mark.parametrize("pointer", ["", "x", "[]", "{}", "null"])
    def test_senseless_payload_is_an_integrity_error(
        self, queue: Queue, harness: QueueHarness, pointer: str
    ) -> None:
        """And no other message suffers."""
        queue.create()
        self._forge(queue, harness, pointer or "-")
        message = take_one(queue)
        with pytest.raises(IntegrityError):
            _ = message.body
        message.ack()

    def _forge(self, queue: Queue, harness: QueueHarness, pointer: str) -> None:
        own = {"portable": "bytes", "portable-payload": pointer}
        if queue.capabilities.attributes_max:
            harness.oracle.send(b"-", own)
        else:
            attributes = {"portable-payload": pointer}
            envelope = {"portable": "bytes", "attributes": attributes, "body": ""}
            harness.oracle.send(json.dumps(envelope, separators=(",", ":")).encode(), {})
