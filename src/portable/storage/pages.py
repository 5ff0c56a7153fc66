"""Memory that is ready to be written to.

New memory has no pages: the kernel makes and clears each one when it is first written to, which
takes a third of the time of a large read from a near server. Here it does so many at a time, and
beside whoever receives.
"""

from __future__ import annotations

import mmap
import sys
from threading import Event, Thread
from typing import Self

AT_ONCE_BYTES = 4 * 1024**2
# Since Linux 5.14, https://man7.org/linux/man-pages/man2/madvise.2.html; an older one refuses it.
MADV_POPULATE_WRITE = 23


class PagesAhead:
    """Has the pages of some memory made, by a thread that ends with the ``with`` block.

    Where the system can't do that nothing happens: each page comes when it is written to.
    """

    def __init__(self, room: memoryview | None) -> None:
        """Take memory that may be written to; `None` for none."""
        self._over = Event()
        self._thread: Thread | None = None
        if room is not None and sys.platform == "linux":
            self._thread = Thread(
                target=self._make, args=(room,), name="portable-pages", daemon=True
            )

    def __enter__(self) -> Self:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _make(self, room: memoryview) -> None:
        import ctypes  # 4 ms to import

        madvise = ctypes.CDLL(None).madvise
        madvise.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
        held = ctypes.c_char.from_buffer(room)  # so that the memory stays
        begin = ctypes.addressof(held)
        end = begin + len(room)
        for place in range(begin - begin % mmap.PAGESIZE, end, AT_ONCE_BYTES):
            size = min(AT_ONCE_BYTES, end - place)
            if self._over.is_set() or madvise(place, size, MADV_POPULATE_WRITE) != 0:
                return
