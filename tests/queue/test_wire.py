"""What is packed is unpacked again, whatever the wire can take; and what lies is found out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portable.errors import IntegrityError, InvalidArgument, InvalidType
from portable.queue.attributes import check_attributes, fits_text
from portable.queue.bodies import decoded, encoded
from portable.queue.driver import Leased, QueueCapabilities
from portable.queue.wire import PAYLOAD, Content, packed, size_of, unpacked

ANY = QueueCapabilities(
    message_max=2**20,
    attributes_max=100,
    send_max=10,
    send_bytes_max=2**20,
    receive_max=10,
    settle_max=10,
    delay_max=0,
    lease_max=600,
    wait_max=20,
)
WIRES = {
    "any": ANY,
    "text": replace(ANY, wire="text", attributes_max=10, empty_bodies=False),
    "xml_without_attributes": replace(ANY, wire="xml", attributes_max=0, empty_bodies=False),
    "text_without_attributes": replace(ANY, wire="text", attributes_max=0, empty_bodies=False),
    "bytes_without_attributes": replace(ANY, attributes_max=0),
}
values = st.one_of(
    st.binary(max_size=60),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(codec=None, exclude_categories=()), max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=8,
    ),
)
names = st.text("abcXYZ019_.-", min_size=1, max_size=20).filter(lambda name: name[0] != "p")


def leased(body: bytes, attributes: Any) -> Leased:
    """As it comes back."""
    return Leased(id="1", body=body, attributes=attributes, receipt="r", attempts=1)


@pytest.mark.parametrize("wire", WIRES)
@settings(deadline=None, max_examples=150)
@given(
    body=values,
    attributes=st.dictionaries(names, st.text(max_size=20), max_size=20),
    pointer=st.sampled_from([{}, {PAYLOAD: '{"key":"x"}'}]),
)
def test_every_message_comes_back(
    wire: str, body: Any, attributes: dict[str, str], pointer: dict[str, str]
) -> None:
    """As text where only that goes, with no more attributes than go."""
    able = WIRES[wire]
    kind, data = encoded(body)
    content = Content(kind=kind, data=data, attributes=check_attributes(attributes), own=pointer)
    sent, marks = packed(content, able)
    if able.wire != "bytes":
        assert fits_text(sent.decode())
    assert len(marks) <= able.attributes_max
    assert all(marks.values())
    assert all(fits_text(value) for value in marks.values())
    assert sent or able.empty_bodies
    assert size_of(sent, marks) >= len(sent) + sum(len(name) for name in marks)
    back = unpacked(leased(sent, marks))
    assert back == content
    again = decoded(back.kind, back.data)
    assert repr(again) == repr(json.loads(json.dumps(body)) if kind == "json" else body)


@pytest.mark.parametrize(
    ("body", "attributes"),
    [
        (b"{}", {"portable": "pickle"}),
        (b"{}", {"portable": ""}),
        (b"not base64!", {"portable": "bytes+base64"}),
        (b"AAA", {"portable": "json+base64"}),
        (b"[]", {"portable": "envelope"}),
        (b'{"portable":"', {}),
        (b'{"portable":"json","attributes":{"a":1},"body":"1"}', {}),
        (b'{"portable":"json","attributes":[],"body":"1"}', {}),
        (b'{"portable":"json","attributes":{},"body":1}', {}),
        (b'{"portable":"json","attributes":{}}', {}),
        (b"\xff", {"portable": "envelope"}),
    ],
)
def test_a_message_that_can_not_be_read_keeps_what_it_is(
    body: bytes, attributes: dict[str, str]
) -> None:
    """Its bytes are there for the dead letters; what is wrong is told when the body is used."""
    content = unpacked(leased(body, attributes))
    assert content.problem
    assert content.data == body


def test_an_envelope_that_is_too_deep_can_not_be_read() -> None:
    """It ends no consumer: that would be the end of each that gets the message."""
    content = unpacked(leased(b'{"portable":"json","attributes":' + b"[" * 100_000, {}))
    assert content.problem


def test_json_that_is_none_is_an_integrity_error() -> None:
    """Said by a message that calls itself JSON."""
    content = unpacked(leased(b"{", {"portable": "json"}))
    with pytest.raises(IntegrityError, match="JSON"):
        decoded(content.kind, content.data)
    with pytest.raises(IntegrityError):
        decoded("json", b"[" * 100_000)


def test_cycles_and_depth_are_refused() -> None:
    """As other bodies that JSON can't hold."""
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(InvalidArgument, match="JSON"):
        encoded(cycle)
    with pytest.raises(InvalidType, match="JSON"):
        encoded({("a", "b"): 1})


def test_readable_text_stays_readable() -> None:
    """Other letters aren't escaped where the wire has room for them."""
    assert encoded({"name": "Zoë 🎲"}) == ("json", '{"name":"Zoë 🎲"}'.encode())
    assert encoded("\ud800") == ("json", b'"\\ud800"')


@pytest.mark.parametrize("wire", ["text", "text_without_attributes"])
def test_what_text_can_not_hold_is_escaped_in_an_envelope(wire: str) -> None:
    """JSON leaves U+FFFE as it is, and XML can't have it."""
    content = Content(kind="bytes", data=b"x", attributes={"odd": "\ufffe"}, own={})
    body, marks = packed(content, WIRES[wire])
    assert fits_text(body.decode())
    assert unpacked(leased(body, marks)) == content


@pytest.mark.parametrize("wire", ["xml", "xml_without_attributes"])
@pytest.mark.parametrize("sign", ["<", ">", "&"])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_text_that_xml_makes_too_long_goes_as_base64(wire: str, sign: str, share: float) -> None:
    able = replace(WIRES["xml_without_attributes"], message_max=65536)
    if wire == "xml":
        able = replace(able, attributes_max=10)
    data = sign.encode() * int(share * able.message_max)
    content = Content(kind="bytes", data=data, attributes={}, own={})
    body, marks = packed(content, able)
    assert len(escape(body.decode())) < able.message_max
    assert unpacked(leased(body, marks)) == content
    assert (sign in body.decode()) == (share == 0.1), "as it is, where that fits"
