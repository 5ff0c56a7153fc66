"""An open object: its bytes and what is known of it are of one version."""

from __future__ import annotations

import os

from portable_local.errors import translated
from portable_local.objects import Found


class OpenFile:
    """A range of an object's bytes; see `portable.storage.driver.OpenRead`."""

    def __init__(self, key: str, found: Found, start: int, end: int | None) -> None:
        self.info = found.describe(key)
        size = self.info.size
        self._found = found
        if start < 0:
            self._position, self._end = max(0, size + start), size
        else:
            self._position, self._end = start, size if end is None else min(end, size)

    def read(self, size: int, /) -> bytes:
        """Return up to *size* bytes; ``b""`` at the end."""
        size = min(size, self._end - self._position)
        if size <= 0:
            return b""
        with translated():
            data = os.pread(self._found.fd, size, self._position)
        self._position += len(data)
        return data

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._found.close()
