"""Output on its way into the log."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .segments import Segments

_LONGEST = 64 * 1024  # bytes of a line that is kept together


class Lines:
    """What one task says; an array's lines begin with its index, and are never mixed."""

    def __init__(self, log: Segments) -> None:
        self._log = log
        self._prefix = b""
        self._rest = b""

    def of(self, index: int | None) -> Lines:
        """Begin each line with the index from here on; `None` for nothing."""
        self._prefix = b"" if index is None else b"[%d] " % index
        return self

    def add(self, data: bytes) -> None:
        """Pass on what is said; of an array, whole lines only."""
        if not self._prefix:
            self._log.append(data)
            return
        lines, newline, rest = data.rpartition(b"\n")
        if newline:
            self._say(self._rest + lines)
            self._rest = rest
        else:
            self._rest += rest
        if len(self._rest) > _LONGEST:
            self.end()

    def end(self) -> None:
        """Pass on a last line that has no end."""
        if self._rest:
            self._say(self._rest)
            self._rest = b""

    def _say(self, lines: bytes) -> None:
        self._log.append(self._prefix + lines.replace(b"\n", b"\n" + self._prefix) + b"\n")
