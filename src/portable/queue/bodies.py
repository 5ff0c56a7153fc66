"""Bodies: bytes as they are, anything else as JSON."""

from __future__ import annotations

import json
from typing import Any, Literal

from portable.errors import IntegrityError, InvalidArgument, InvalidType
from portable.queue.attributes import fits_text

Kind = Literal["json", "bytes"]

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_encode_ascii = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def encoded(body: object) -> tuple[Kind, bytes]:
    """What kind of body it is, and its bytes."""
    if isinstance(body, bytes):
        return "bytes", body
    if isinstance(body, bytearray | memoryview):
        return "bytes", bytes(body)
    try:
        text = _encode(body)
        if not text.isascii() and not fits_text(text):
            text = _encode_ascii(body)
    except TypeError as error:
        raise InvalidType(
            f"the body isn't bytes and can't be JSON: {error}. Convert it first, for example with "
            f".item() or .tolist(), or send bytes"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(
            f"the body can't be JSON: {error}. JSON has no NaN, no infinity and no cycles"
        ) from error
    return "json", text.encode()


def decoded(kind: Kind, data: bytes) -> Any:
    """The body again."""
    if kind == "bytes":
        return data
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"the message's body says it is JSON and isn't: {error}") from error
