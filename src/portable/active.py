"""What the configuration comes to, for objects that follow the active profile."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from portable.config import state

FRESH_SECONDS = 1.0

T = TypeVar("T")


class Active(Generic[T]):
    """A value made from the configuration, made again when that may have changed."""

    def __init__(self, resolve: Callable[[], T]) -> None:
        self._resolve = resolve
        self._resolved: dict[str | None, _Resolved[T]] = {}

    def current(self) -> T:
        """As it is in this block, now."""
        block, seen = state.in_block.get(), _surroundings()
        last = self._resolved.get(block)
        if last is not None and last.seen == seen and time.monotonic() < last.until:
            return last.value
        value = self._resolve()
        self._resolved[block] = _Resolved(seen, time.monotonic() + FRESH_SECONDS, value)
        return value


@dataclass(frozen=True, slots=True)
class _Resolved(Generic[T]):
    """What the configuration came to, and what it was made from."""

    seen: tuple[object, ...]
    until: float
    value: T


def _surroundings() -> tuple[object, ...]:
    """All that a configuration depends on, but for the file: that is read again in a second."""
    try:
        folder = os.getcwd()  # noqa: PTH109 - a fifth of Path.cwd()
    except FileNotFoundError:
        folder = ""
    # `os.environ` itself decodes every variable: 20 µs a call.
    variables = getattr(os.environ, "_data", os.environ)
    return state.configured(), folder, variables.copy()
