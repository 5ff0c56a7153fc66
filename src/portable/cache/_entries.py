"""What a cached file's name says: all that is known of it, so that one rename publishes it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Self

_NAME = re.compile(
    r"(?P<place>[0-9a-f]{32})-(?P<revision>[0-9a-f]{16})-(?P<size>\d+)-(?P<crc32>[0-9a-f]{8})"
    r"(?P<suffix>\.[A-Za-z0-9]{1,16})?"
)
_PART = re.compile(r"[0-9a-f]{32}-[0-9a-f]{16}-(?P<size>\d+)\.part")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,16}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One revision of one object.

    Attributes:
        place: Stands for the bucket and the key.
        revision: Stands for the revision; `None` for any.
        suffix: The key's own, such as ``".tar"``: tools go by it.
    """

    place: str
    revision: str | None
    suffix: str = ""

    @classmethod
    def of(cls, bucket: tuple[str, ...], key: str, revision: str | None) -> Self:
        """The names that stand for them."""
        suffix = PurePosixPath(key).suffix
        return cls(
            _digest(*bucket, key)[:32],
            None if revision is None else _digest(revision)[:16],
            suffix if _SUFFIX.fullmatch(suffix) and suffix != ".part" else "",
        )

    def part(self, size: int) -> str:
        """The name of the file while it is being filled."""
        return f"{self.place}-{self.revision}-{size}.part"

    def name(self, size: int, crc32: int) -> str:
        """The name of the file once it is whole."""
        return f"{self.place}-{self.revision}-{size}-{crc32:08x}{self.suffix}"

    def fits(self, entry: Entry) -> bool:
        """Is *entry* what is wanted?"""
        return entry.place == self.place and self.revision in (None, entry.revision)


@dataclass(frozen=True, slots=True)
class Entry:
    """A cached file, by its name."""

    place: str
    revision: str
    size: int
    crc32: int

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """What *name* says; `None` for any other file."""
        found = _NAME.fullmatch(name)
        if found is None or name.endswith(".part"):
            return None
        return cls(
            found["place"], found["revision"], int(found["size"]), int(found["crc32"], base=16)
        )


def part_size(name: str) -> int | None:
    """How large a file being filled will be; `None` when *name* is none."""
    found = _PART.fullmatch(name)
    return int(found["size"]) if found else None


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
