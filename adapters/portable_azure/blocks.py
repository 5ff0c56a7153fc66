"""Multipart uploads as blocks (ADR 0012).

Azure knows no uploads: blocks that aren't committed belong to a blob's name, whoever sent them. So
each block's id carries the upload's: nobody takes another's block for his own. All ids are of
one length, which Azure asks for.
"""

from __future__ import annotations

import base64
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from portable_azure.markup import Element
from portable_azure.shapes import parsed

_ID = re.compile(r"portable\.([0-9a-f]{26})\.[0-9]{5}")
DROPPED = b"\0"  # what takes the place of a block that is given up: none can be removed


@dataclass(frozen=True, slots=True)
class Block:
    """A block that isn't committed.

    Attributes:
        name: As Azure knows it: base64.
        upload: Whose it is; `None` where another tool sent it.
    """

    name: str
    upload: str | None
    size: int

    @property
    def is_held(self) -> bool:
        """It takes up space, and wasn't given up."""
        return self.size > len(DROPPED)


def new_upload() -> str:
    """When it began and 64 random bits, in 26 characters."""
    return f"{int(time.time()):010x}{os.urandom(8).hex()}"


def began(upload: str) -> datetime:
    """When it began, by the clock of whoever did."""
    return datetime.fromtimestamp(int(upload[:10], 16), UTC)


def block_id(upload: str, number: int) -> str:
    """A block's id: 41 characters of at most 64."""
    return f"portable.{upload}.{number:05}"


def block_name(upload: str, number: int) -> str:
    """A block's id as it goes over the wire: in base64."""
    return base64.b64encode(block_id(upload, number).encode()).decode()


def commit_body(names: Iterable[str]) -> bytes:
    """The body of Put Block List. Committed blocks are none of ours: their ids are used up."""
    listed = "".join(f"<Uncommitted>{name}</Uncommitted>" for name in names)
    return f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'.encode()


def uncommitted(body: bytes) -> list[Block]:
    """The blocks in the answer to Get Block List."""
    root = parsed(body, "BlockList")
    return [_block(entry) for entry in root.iterfind("UncommittedBlocks/Block")]


def _block(entry: Element) -> Block:
    name = entry.findtext("Name") or ""
    match = _ID.fullmatch(base64.b64decode(name).decode("latin-1"))
    return Block(name, match[1] if match else None, int(entry.findtext("Size") or 0))
