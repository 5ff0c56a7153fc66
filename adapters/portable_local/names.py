"""Keys as paths, both ways.

A key's segments are folder and file names as they stand. What some file system can't hold is
percent-encoded, and a segment that is too long becomes nested folders whose names end in ``%+``::

    runs/7/model.pt   →  runs/7/model.pt
    a:b/50%           →  a%3Ab/50%25
    "x" * 300         →  "x" * 200 + "%+" / "x" * 100

Each key has one path, and each path is of one key or of none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

INTERNAL = "%portable"  # no key's path begins so: a `%` in a key is escaped
MORE = "%+"  # ends each piece of a long segment but the last

_PIECE_MAX = 200  # bytes; file systems hold 255
_UNSAFE = re.compile(r'[\x00-\x1f\x7f%<>:"|?*\\\ud800-\udfff]')
_TOKEN = re.compile("%[0-9A-F]{2}|[^%]")
_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL"] + [f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10)]
)


def path_of(key: str) -> tuple[str, ...]:
    """Return the names that lead to *key* from the root; total, also for keys that break rules."""
    return tuple(piece for segment in key.split("/") for piece in pieces_of(segment))


def pieces_of(segment: str) -> list[str]:
    """Return the names of one segment, which are one but for a long segment."""
    text = _UNSAFE.sub(_escape, segment)
    if not text:
        return ["%-"]
    if text[-1] in ". " or (len(text) <= 4 and text.upper() in _DEVICES):
        text = f"{text[:-1]}%{ord(text[-1]):02X}"
    if len(text) * 4 <= _PIECE_MAX or len(text.encode()) <= _PIECE_MAX:
        return [text]
    return _split(text)


def segment_of(pieces: Sequence[str]) -> str | None:
    """Return the segment whose names these are; `None` when no segment has them."""
    text = "".join(piece.removesuffix(MORE) for piece in pieces)
    if "%" in text:
        try:
            segment = unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode()
        except UnicodeDecodeError:
            return None
    else:
        segment = text
    return segment if "/" not in segment and pieces_of(segment) == list(pieces) else None


def key_of(path: Sequence[str]) -> str:
    """Return the key of a path that `path_of` made, or of a whole folder on it."""
    segments = []
    pieces: list[str] = []
    for name in path:
        pieces.append(name)
        if not name.endswith(MORE):
            segments.append(segment_of(pieces) or "")
            pieces = []
    return "/".join(segments)


def _escape(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass"))


def _split(text: str) -> list[str]:
    pieces = []
    piece, size = "", 0
    for token in _TOKEN.findall(text):
        width = len(token.encode())
        if size + width > _PIECE_MAX:
            pieces.append(piece + MORE)
            piece, size = "", 0
        piece += token
        size += width
    return [*pieces, piece]
