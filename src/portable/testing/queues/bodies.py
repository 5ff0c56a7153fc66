"""Bodies: what goes in comes out, of the same type."""

from __future__ import annotations

from typing import Any

import pytest

from portable.errors import InvalidArgument, InvalidType
from portable.queue import Queue
from portable.testing.queues.base import QueueCases, take, take_one
from portable.testing.queues.dead_letters import dead_letters_of
from portable.testing.queues.harness import QueueHarness
from portable.testing.queues.quirks import quirk

ALL_BYTES = bytes(range(256))
ROUND_TRIPS: dict[str, Any] = {
    "empty_bytes": b"",
    "one_zero": b"\0",
    "all_bytes": ALL_BYTES,
    "utf8_bytes": "déjà vu 🎲".encode(),
    "half_a_character": "🎲".encode()[:2],
    "bytes_that_look_like_json": b'{"a": 1}',
    "bytes_that_look_like_an_envelope": b'{"portable":"json","attributes":{},"body":"1"}',
    "bytes_that_look_like_base64": b"AAAA",
    "spaces": b" \t\r\n ",
    "xml": b"<a>&amp;]]></a>",
    "none": None,
    "true": True,
    "zero": 0,
    "large_number": 2**80,
    "fraction": 0.1,
    "empty_text": "",
    "text": "déjà vu 🎲",
    "control_characters": "\x00\x01\x1f\x7f\x85\ufffe\uffff",
    "line_ends": "a\r\nb\rc\nd\u2028e",
    "lone_surrogate": "\ud800",
    "empty_list": [],
    "empty_dictionary": {},
    "nested": {"lr": 0.1, "layers": [64, 32], "name": "ü", "on": True, "off": None, "x": {"": ""}},
    "looks_like_an_envelope": {"portable": "bytes", "attributes": {}, "body": "1"},
}
# Those that go as text, with a character above U+FFFF.
ASTRAL = ("utf8_bytes", "text")


class BodyCases(QueueCases):
    """Bytes and JSON."""

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param(name, marks=quirk("no_astral_text")) if name in ASTRAL else name
            for name in ROUND_TRIPS
        ],
    )
    def test_body_comes_back_with_its_type(self, queue: Queue, name: str) -> None:
        """Bytes as bytes, anything else as what its JSON says; with an attribute, too."""
        queue.send(ROUND_TRIPS[name])
        queue.send(ROUND_TRIPS[name], attributes={"kind": "odd", "empty": ""})
        for message in take(queue, 2):
            assert message.body == ROUND_TRIPS[name]
            assert type(message.body) is type(ROUND_TRIPS[name])
            message.ack()

    def test_bytes_like_is_bytes_and_a_tuple_a_list(self, queue: Queue) -> None:
        """So much is lost, and said so."""
        queue.send_many([bytearray(b"\xff1"), memoryview(b"\xff2"), (1, 2), {3: 4}])
        bodies = [message.body for message in take(queue, 4)]
        for body in (b"\xff1", b"\xff2", [1, 2], {"3": 4}):
            assert body in bodies

    @pytest.mark.parametrize("body", [float("nan"), [float("inf")], {"a": {1, 2}}, object(), 1j])
    def test_body_that_is_no_json_is_refused(self, queue: Queue, body: object) -> None:
        """Nothing is sent, and the text says what to do."""
        with pytest.raises((InvalidArgument, InvalidType), match="JSON"):
            queue.send(body)
        assert queue.receive() == []

    def test_large_body_travels_through_storage(self, queue: Queue, harness: QueueHarness) -> None:
        """And is removed with its message; one that fits never goes there."""
        most = queue.capabilities.message_max
        large = (ALL_BYTES * (most // 256 + 1))[: most + 1]
        queue.send(b"x" * (most // 4))
        small = take_one(queue)
        assert small.body == b"x" * (most // 4)
        small.ack()
        assert list(harness.payloads.list()) == []
        queue.send(large, attributes={"a": "b"})
        assert [info.size for info in harness.payloads.list()] == [len(large)]
        message = take_one(queue)
        assert message.attributes == {"a": "b"}
        assert message.body == large
        message.ack()
        assert list(harness.payloads.list()) == []

    def test_purge_removes_large_bodies(self, queue: Queue, harness: QueueHarness) -> None:
        """Those of its messages, and not those of dead letters, which have a purge of their own."""
        large = ALL_BYTES * (queue.capabilities.message_max // 256 + 1)
        queue.send(large)
        take_one(queue).dead_letter("no")
        queue.send_many([large, b"small"])
        assert len(list(harness.payloads.list())) == 2
        queue.purge()
        (left,) = harness.payloads.list()
        assert left.size == len(large)
        dead = dead_letters_of(queue)
        letter = take_one(dead)
        assert letter.body == large
        letter.nack()
        dead.purge()
        assert list(harness.payloads.list()) == []

    @pytest.mark.parametrize("short", [4096, 2048, 1024, 512, 1, 0])
    def test_body_near_the_limit_arrives(self, queue: Queue, short: int) -> None:
        """Whether it fits or goes to storage, which nobody has to know."""
        body = b"\xff" * (queue.capabilities.message_max - short)
        queue.send(body)
        assert take_one(queue).body == body

    @pytest.mark.parametrize("part", [2, 1.2])
    @pytest.mark.parametrize("sign", ["<", "&"])
    def test_text_that_grows_in_xml_arrives(self, queue: Queue, sign: str, part: float) -> None:
        """Every sign is four or five there, and servers have limits for requests, too."""
        body = sign * int(min(queue.capabilities.message_max, 256 * 1024) / part)
        queue.send(body)
        queue.send(body.encode())
        assert {message.body for message in take(queue, 2)} == {body, body.encode()}

    def test_large_text_arrives(self, queue: Queue) -> None:
        """As JSON."""
        body = {"text": "ü" * queue.capabilities.message_max}
        queue.send(body)
        assert take_one(queue).body == body
