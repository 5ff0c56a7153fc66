"""Long-running operations of a fake: done after so many looks, with a result or a failure."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Operation:
    """One operation.

    Attributes:
        about: What the fake wants to remember of it.
        error: The failure that it ends in, as the API words it; `None` for success.
        looks: How often it is still seen under way.
    """

    id: str
    about: Any
    error: Any
    looks: int
    finish: Callable[[], object] | None
    done: bool = False


@dataclass(slots=True)
class Operations:
    """All operations of one fake.

    Attributes:
        looks: How often a new operation is seen under way before it is done; 0 is done when it
            is first looked at. Tests set it.
        error: What the next operation fails with; `None` for nothing. Tests set it.
    """

    looks: int = 0
    error: Any = None
    _known: dict[str, Operation] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, about: Any, finish: Callable[[], object] | None = None) -> Operation:
        """Begin one; *finish* is called when it succeeds, once."""
        with self._lock:
            error, self.error = self.error, None
            begun = Operation(uuid.uuid4().hex, about, error, self.looks, finish)
            self._known[begun.id] = begun
            return begun

    def look(self, id: str) -> Operation | None:
        """Look at one, which may end it; `None` where there is none."""
        with self._lock:
            found = self._known.get(id)
            if found is None or found.done:
                return found
            if found.looks > 0:
                found.looks -= 1
                return found
            found.done = True
        if found.error is None and found.finish is not None:
            found.finish()
        return found
