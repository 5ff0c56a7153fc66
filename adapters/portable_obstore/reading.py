"""An open answer of obstore's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from portable.errors import PortableError, Unavailable
from portable.storage.driver import StoredObject
from portable_obstore import choice
from portable_obstore.dialect import SMALL_BYTES, Dialect
from portable_obstore.failures import RAISED, verdict

if TYPE_CHECKING:
    from obstore import GetResult

CHUNK_BYTES = 256 * 1024


class FastRead:
    """`OpenRead` over obstore's answer: small ones in one piece, others as a stream."""

    def __init__(
        self, info: StoredObject, result: GetResult, dialect: Dialect, held: bytes | None = None
    ) -> None:
        """Hold an answer.

        Args:
            held: Its body, where it was read already.
        """
        self.info = info
        self._dialect = dialect
        self._result: GetResult | None = None if held is not None else result
        self._chunks: Iterator[bytes] | None = None
        self._rest: bytes | memoryview = held or b""

    def read(self, size: int, /) -> bytes | memoryview:
        rest = self._rest or self._next()
        if len(rest) <= size:
            self._rest = b""
            return rest
        view = memoryview(rest)
        self._rest = view[size:]
        return view[:size]

    def close(self) -> None:
        self._result = self._chunks = None
        self._rest = b""

    def _next(self) -> bytes | memoryview:
        if self._result is None and self._chunks is None:
            return b""
        if choice.forked:
            raise Unavailable("the connection stayed in the process that this one was forked from")
        try:
            if self._result is not None:
                result, self._result = self._result, None
                start, end = result.range
                if end - start <= SMALL_BYTES:
                    return result.bytes().to_bytes()
                self._chunks = iter(result.stream(CHUNK_BYTES))
            for chunk in self._chunks or ():
                return memoryview(chunk)
        except RAISED as error:
            self.close()
            raise self._broken(error) from error
        self.close()
        return b""

    def _broken(self, error: Exception) -> PortableError:
        found = verdict(error, self._dialect)
        return found or Unavailable("the connection broke", ambiguous=True)
