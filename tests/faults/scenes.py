"""One call of a user's as the matrix knows it, and the data that it moves."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from portable.storage import Bucket

from .stage import Stage, Time

MIB = 1024 * 1024


def some_bytes(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


SMALL, OLD_SMALL, OTHER_SMALL = (some_bytes(seed, 20_000) for seed in (1, 2, 3))
LARGE, OTHER_LARGE = (some_bytes(seed, 17 * MIB + 4321) for seed in (4, 5))
MEDIUM = some_bytes(6, 9 * MIB + 77)
RANGE = (3000, 17_001)
SPREAD, OTHER_SPREAD = (some_bytes(seed, 700_000) for seed in (8, 9))
RANGES = [(10, 5_010), (300_000, 310_000), (690_000, 700_000)]


@dataclass
class Scene:
    """One cell's own corner of the store.

    Attributes:
        key: Under a prefix that no other cell has.
        faulty: The fault may have kept the clean-up from happening too.
        leaves: How much a fault that comes once may leave behind.
    """

    stage: Stage
    bucket: Bucket
    prefix: str
    faulty: bool = False
    leaves: int = 0
    revision: str = ""

    @property
    def key(self) -> str:
        return f"{self.prefix}object"

    def put(self, data: bytes, key: str = "") -> str:
        """Store *data* past the proxy, and return its revision."""
        with self.stage.unharmed() as bucket:
            return bucket.put(key or self.key, data).revision

    def content(self, key: str = "") -> bytes | None:
        return self.stage.store.content(key or self.key)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One call of a user's.

    Attributes:
        run: Makes the call.
        prepare: Puts in place, past the proxy, what the call needs.
        check: Given the value, or the error, says what is wrong with it or with the store.
        size: Of the body that faults hit, in bytes, where it is known; for choosing offsets.
        edges: Offsets within it that deserve a fault of their own.
        steps: Requests that follow one another, each with the deadline of its own.
        reads: The key of an object that only such calls share.
        whole: It reads an object from its first byte to its last.
        other: What replaces the object in the middle of the call; empty where that means nothing.
        when: Makes the time that passes.
    """

    name: str
    run: Callable[[Scene], Any]
    check: Callable[[Scene, Any, Exception | None], str | None]
    prepare: Callable[[Scene], object] = lambda _: None
    size: int = 0
    edges: tuple[int, ...] = ()
    steps: int = 1
    reads: str = ""
    whole: bool = False
    other: bytes = b""
    when: Callable[[], Time] = Time
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def is_large(self) -> bool:
        return self.size > MIB
