"""A CRC-32 that is computed beside the reading: one thread checks while another receives."""

from __future__ import annotations

import zlib
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from portable.storage.bodies import Piece


class TrailingCrc32:
    """A CRC-32 by a thread that ends with the ``with`` block.

    Attributes:
        value: That of all bytes, when the block has ended.
    """

    def __init__(self, *, behind: int) -> None:
        """Begin with no bytes.

        Args:
            behind: Pieces that may wait, and are held in memory for it.
        """
        self.value = 0
        self._pieces: Queue[Piece | None] = Queue(behind)
        self._thread = Thread(target=self._follow, name="portable-crc32", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._pieces.put(None)
        self._thread.join()

    def update(self, data: Piece) -> None:
        """Take the next bytes, which nobody changes any more; waits when too many are left."""
        self._pieces.put(data)

    def _follow(self) -> None:
        while (data := self._pieces.get()) is not None:
            self.value = zlib.crc32(data, self.value)
