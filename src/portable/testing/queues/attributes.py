"""Attributes: the same rules on every provider."""

from __future__ import annotations

from typing import Any

import pytest

from portable.errors import InvalidArgument, InvalidType
from portable.queue import Queue
from portable.testing.queues.base import QueueCases, take_one
from portable.testing.queues.harness import QueueHarness

KEPT: dict[str, dict[str, str]] = {
    "none": {},
    "one": {"trace": "1-2-3"},
    "names": {"a.b_c-D.9": "x", "x" * 128: "y", "0": "z"},
    "names_that_providers_keep": {
        "AWS.x": "1",
        "amazon.y": "2",
        "goog-z": "3",
        ".a": "4",
        "b.": "5",
    },
    "empty_value": {"empty": ""},
    "any_text": {"text": "déjà vu 🎲 <&>\"'\t\n"},
    "odd_text": {"odd": "\x00\x01\r\x7f\x85\ufffe"},
    "long_value": {"long": "ü" * 512},
    "numbers_as_text": {"n": "007", "float": "1e3", "json": "{}"},
    "upper_and_lower": {"Name": "1", "name": "2", "NAME": "3"},
    **{f"{count}": {f"name-{n}": f"value {n}" for n in range(count)} for count in (7, 9, 10, 64)},
}
REFUSED: dict[str, Any] = {
    "65": {f"n{n}": "x" for n in range(65)},
    "empty_name": {"": "x"},
    "long_name": {"x" * 129: "y"},
    "name_with_a_space": {"a b": "x"},
    "name_with_a_slash": {"a/b": "x"},
    "name_of_other_letters": {"ü": "x"},
    "our_name": {"portable": "x"},
    "a_name_of_ours": {"Portable-payload": "x"},
    "long_value": {"a": "x" * 1025},
    "too_much": {f"n{n}": "x" * 1000 for n in range(20)},
    "no_text": {"a": 1},
    "no_name": {1: "a"},
    "bytes": {"a": b"x"},
    "surrogate": {"a": "\ud800"},
    "list": [("a", "b")],
}


class AttributeCases(QueueCases):
    """`Message.attributes`."""

    @pytest.mark.parametrize("name", KEPT)
    @pytest.mark.parametrize("body", [b"\xff\x00", {"a": [1]}], ids=["bytes", "json"])
    def test_attributes_come_back(self, queue: Queue, name: str, body: object) -> None:
        """As they were given, and no others; the body with them."""
        queue.send(body, attributes=KEPT[name])
        message = take_one(queue)
        assert message.attributes == KEPT[name]
        assert message.body == body

    @pytest.mark.parametrize("name", REFUSED)
    def test_attributes_that_break_the_rules_are_refused(
        self, queue: Queue, harness: QueueHarness, name: str
    ) -> None:
        """On every provider, so that code can move; nothing is sent."""
        with pytest.raises((InvalidArgument, InvalidType), match="attribute"):
            queue.send(b"x", attributes=REFUSED[name])
        assert queue.receive() == []
        assert list(harness.payloads.list()) == []
