"""A queue goes along into other processes; its connections don't."""

from __future__ import annotations

import pytest

from portable.errors import PortableError
from portable.queue import Queue
from portable.testing.conformance import children
from portable.testing.queues.base import PATIENCE_SECONDS, QueueCases, take
from portable.testing.queues.quirks import quirk


def send_and_take(queue: Queue) -> object:
    """In a child: take what the parent sent, send something back."""
    (message,) = queue.receive(wait=PATIENCE_SECONDS)
    body = message.body
    message.ack()
    queue.send_many(["from the child"] * 2)
    queue.close()
    return body


def refusal(queue: Queue) -> tuple[str, str]:
    """In a child: what it is told."""
    try:
        queue.receive()
    except PortableError as error:
        return type(error).__name__, str(error)
    return "", ""


class QueueProcessCases(QueueCases):
    """`fork` and `spawn`."""

    @quirk("in_process")
    @pytest.mark.parametrize("method", ["spawn", "fork"])
    def test_child_takes_and_sends(self, queue: Queue, method: str) -> None:
        """Beside its parent, whose connections are in use."""
        queue.send({"from": "the parent"})
        if not queue.capabilities.cross_process:
            name, text = children.run(method, refusal, queue)
            assert name == "Unsupported"
            assert "process" in text
            return
        assert children.run(method, send_and_take, queue) == {"from": "the parent"}
        for message in take(queue, 2):
            assert message.body == "from the child"
            assert message.ack()
