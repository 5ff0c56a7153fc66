"""How a message travels: its body, what kind it is, and its attributes.

Where a provider has attributes, they are the message's own, and one named ``portable`` says what
the body is: ``json`` or ``bytes``, and how it had to be written: ``+base64`` for bytes on a wire
for text, ``+empty`` where a body can't be, ``+envelope`` for attributes that are too many or that
some provider can't take. An envelope is a JSON object in the body that has all of this; it is
the only way where a provider has no attributes. A message without either is somebody else's: its
body is handed out as bytes.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace

from portable.queue.attributes import OWN, fits_text, is_plain
from portable.queue.bodies import Kind
from portable.queue.driver import Leased, QueueCapabilities

PAYLOAD = f"{OWN}-payload"
NOT_BEFORE = f"{OWN}-not-before"
# Kept free in every message, so that a dead letter still has room for its reason.
DEAD_ROOM = 2048

_ENVELOPE = b'{"portable":"'
_FILLER = b"-"


@dataclass(slots=True)
class Content:
    """A message without its way of travelling.

    Attributes:
        kind: What the body is.
        data: The body's bytes; empty where they are elsewhere.
        attributes: The user's.
        own: `portable`'s, by their names on the wire, without the one that says the kind.
        problem: What is wrong with a message that can't be read; its data is as it came.
    """

    kind: Kind
    data: bytes
    attributes: Mapping[str, str]
    own: Mapping[str, str]
    problem: str = ""


def packed(content: Content, able: QueueCapabilities) -> tuple[bytes, Mapping[str, str]]:
    """The body and the attributes for a server with these capabilities."""
    attributes, own = content.attributes, content.own
    if len(attributes) + len(own) + 1 > able.attributes_max or (
        attributes and not all(map(is_plain, attributes, attributes.values()))
    ):
        return _enveloped(content, able)
    data, how = content.data, str(content.kind)
    if able.wire != "bytes" and not (_is_text(data) and _stays_small(data, able)):
        data, how = b64encode(data), f"{how}+base64"
    if not data and not able.empty_bodies:
        data, how = _FILLER, f"{how}+empty"
    return data, {**attributes, **own, OWN: how}


def size_of(body: bytes, attributes: Mapping[str, str]) -> int:
    """Bytes that count for the provider's limit."""
    size = len(body)
    for name, value in attributes.items():
        size += len(name) + len(value if value.isascii() else value.encode())
    return size


def unpacked(leased: Leased) -> Content:
    """What a message says, as far as it can be read."""
    attributes = dict(leased.attributes)
    how = attributes.pop(OWN, None)
    if how is None and leased.body.startswith(_ENVELOPE):
        how = "envelope"
    if how is None:
        return Content("bytes", leased.body, attributes, {})
    try:
        if "envelope" in how:
            return _read_envelope(leased.body)
        return _read(how, leased.body, attributes)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return Content(
            kind="bytes",
            data=leased.body,
            attributes=attributes,
            own={},
            problem=f"the message says it is {how[:40]!r} and can't be read so: {error}",
        )


def with_own(content: Content, name: str, value: str) -> Content:
    """The same with one of our own entries set."""
    return replace(content, own={**content.own, name: value})


def _is_text(data: bytes) -> bool:
    if data.isascii():
        return fits_text(data.decode("ascii"))
    try:
        return fits_text(data.decode())
    except UnicodeDecodeError:
        return False


def _stays_small(data: bytes, able: QueueCapabilities) -> bool:
    """Is it no longer than a message may be where XML escapes it?"""
    if able.wire != "xml":
        return True
    more = 3 * (data.count(b"<") + data.count(b">")) + 4 * data.count(b"&")
    return len(data) + more <= able.message_max


def _enveloped(content: Content, able: QueueCapabilities) -> tuple[bytes, Mapping[str, str]]:
    how: str = content.kind
    try:
        text = content.data.decode()
    except UnicodeDecodeError:
        text = None
    if text is None or not _stays_small(content.data, able):
        text, how = b64encode(content.data).decode(), f"{how}+base64"
    inside = {OWN: how, "attributes": {**content.attributes, **content.own}, "body": text}
    whole = json.dumps(inside, ensure_ascii=False, separators=(",", ":"))
    if not fits_text(whole):
        whole = json.dumps(inside, separators=(",", ":"))
    return whole.encode(), {OWN: "envelope"} if able.attributes_max else {}


def _read_envelope(body: bytes) -> Content:
    inside = json.loads(body)
    attributes = inside["attributes"]
    if not all(isinstance(value, str) for value in attributes.values()):
        raise ValueError("an attribute isn't text")
    return _read(inside[OWN], inside["body"].encode(), dict(attributes))


def _read(how: str, data: bytes, attributes: dict[str, str]) -> Content:
    kind, *marks = how.split("+")
    if kind not in ("json", "bytes"):
        raise ValueError("no such kind")
    if "base64" in marks:
        try:
            data = b64decode(data, validate=True)
        except binascii.Error as error:
            raise ValueError(f"not base64: {error}") from error
    if "empty" in marks:
        data = b""
    own = {}
    if attributes:
        own = {name: attributes.pop(name) for name in (PAYLOAD, NOT_BEFORE) if name in attributes}
    return Content("json" if kind == "json" else "bytes", data, attributes, own)
